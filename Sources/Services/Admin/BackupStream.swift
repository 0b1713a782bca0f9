internal import Crypto
internal import Fleet
internal import NovitaiProto
internal import ProtobufWire
internal import RPCCore

/// Sends a copy of the store, piece by piece, and its digest at the end.
struct BackupStream {
    /// Small against a message's limit and against what a slow reader makes the server keep.
    private static let chunkBytes = 256 << 10

    let copy: any BackupCopy
    let clock: any Clock
    let responses: ResponseWriter<NovitaiV1.BackupChunk>

    func run() async throws {
        defer { self.copy.release() }
        var first = NovitaiV1.BackupChunk()
        first.info = self.info
        try await self.responses.write(first)
        var digest = SHA256()
        while true {
            let bytes = try self.copy.read(upTo: Self.chunkBytes)
            guard !bytes.isEmpty else { break }
            digest.update(data: bytes)
            var chunk = NovitaiV1.BackupChunk()
            chunk.data = bytes
            try await self.responses.write(chunk)
        }
        var last = NovitaiV1.BackupChunk()
        last.sha256 = Array(digest.finalize())
        try await self.responses.write(last)
    }

    private var info: NovitaiV1.BackupInfo {
        var info = NovitaiV1.BackupInfo()
        info.version = ServerFacts.version
        info.deploymentId = self.copy.deployment.id.rawValue
        info.historyId = self.copy.deployment.history.rawValue
        info.revision = self.copy.revision.number
        info.createTime = GoogleProtobuf.Timestamp(self.clock.now)
        info.keyIds = self.copy.keyIDs
        info.sizeBytes = Int64(self.copy.byteCount)
        return info
    }
}
