internal import ArgumentParser
internal import Crypto
internal import FoundationEssentials
internal import Glibc
internal import NovitaiProto
internal import RPCCore
internal import SystemPackage

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the server's state into a file, while it serves.",
        discussion: """
            The file must not be there yet; it gets its name when it is whole and its digest is right. `novitaid restore` wants that digest.
            The backup holds the environment of containers: keep it like a secret.
            """)

    @Option(help: ArgumentHelp("The file to write.", valueName: "path"))
    var file: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let destination = BackupFile(path: self.file)
        let made = try await self.connection.withChannel { channel in
            // A large backup takes longer than other calls; what fails shows as an error of the stream.
            try await NovitaiV1.AdminServiceClient(channel).createBackup(
                NovitaiV1.CreateBackupRequest(), options: try self.connection.call(within: nil)
            ) { try await destination.write($0) }
        }
        self.connection.output.print(made) {
            var table = Table("BACKUP", "VALUE")
            table.add("file", self.file)
            table.add("size", String(made.info.sizeBytes))
            table.add("sha256", made.sha256)
            table.add("revision", String(made.info.revision))
            table.add("history", made.info.historyId)
            table.add("made", made.info.createTime.text)
            return table.text
        }
    }
}

/// A backup on its way to the disk.
struct BackupFile {
    struct Made {
        var info: NovitaiV1.BackupInfo
        var sha256: String
    }

    let path: String

    /// Writes beside the name and gives the name at the end: half a backup must not look like one.
    func write(_ chunks: ResponseStream<NovitaiV1.BackupChunk>) async throws -> Made {
        let partial = self.path + ".partial"
        guard !FileManager.default.fileExists(atPath: self.path) else {
            throw CommandFailure(status: .usage, message: "\(self.path) is there already")
        }
        do {
            let file = try FileDescriptor.open(
                FilePath(partial), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
            let made = try await file.closeAfterAsync { try await Self.copy(chunks, to: file) }
            try FileManager.default.moveItem(atPath: partial, toPath: self.path)
            return made
        } catch {
            try? FileManager.default.removeItem(atPath: partial)
            guard error is Errno || error is CocoaError else { throw error }
            throw CommandFailure(status: .refused, message: "\(self.path) cannot be written: \(error)")
        }
    }

    private static func copy(_ chunks: ResponseStream<NovitaiV1.BackupChunk>, to file: FileDescriptor) async throws -> Made {
        var (info, expected, digest, size): (NovitaiV1.BackupInfo?, [UInt8], SHA256, Int64) = (nil, [], SHA256(), 0)
        for try await chunk in chunks {
            if let first = chunk.info { info = first }
            digest.update(data: chunk.data)
            size += Int64(chunk.data.count)
            try file.writeAll(chunk.data)
            if !chunk.sha256.isEmpty { expected = chunk.sha256 }
        }
        guard let info, info.sizeBytes == size, Array(digest.finalize()) == expected else {
            throw CommandFailure(status: .tryAgain, message: "the backup did not arrive whole")
        }
        guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
        return Made(info: info, sha256: expected.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined())
    }
}

extension FileDescriptor {
    fileprivate func closeAfterAsync<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            let result = try await body()
            try self.close()
            return result
        } catch {
            try? self.close()
            throw error
        }
    }
}
