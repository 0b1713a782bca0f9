internal import Crypto
internal import FoundationEssentials
internal import NovitaiProto
internal import ProtobufWire
internal import RPCCore

/// SHA-256 over bytes.
package enum SHA256Digest {
    package static func of(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

    /// In small letters; nil when the file cannot be read. The file is mapped, not loaded.
    package static func hexadecimal(ofFile path: String) -> String? {
        guard let content = try? Data(contentsOf: URL(filePath: path), options: .mappedIfSafe) else { return nil }
        return SHA256.hash(data: content).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}

/// Tells two payloads of one request id apart: SHA-256 over the decoded request, without the request id itself and `validate_only`. Maps have no order on
/// the wire, so they are taken out and appended sorted.
enum PayloadDigest {
    static func of(_ request: NovitaiV1.CreateInstanceRequest) throws -> [UInt8] {
        var rest = request
        rest.requestId = ""
        rest.validateOnly = false
        rest.labels = [:]
        rest.spec?.environment = [:]
        var writer = WireWriter()
        writer.append(try rest.encoded(reserving: 0), to: 1)
        self.append(request.labels, to: 2, of: &writer)
        self.append(request.spec?.environment ?? [:], to: 3, of: &writer)
        return SHA256Digest.of(writer.bytes)
    }

    static func of(_ request: NovitaiV1.UpdateInstanceRequest) throws -> [UInt8] {
        var rest = request
        rest.requestId = ""
        rest.validateOnly = false
        rest.labels?.labels = [:]
        rest.environment?.environment = [:]
        var writer = WireWriter()
        writer.append(try rest.encoded(reserving: 0), to: 1)
        self.append(request.labels?.labels ?? [:], to: 2, of: &writer)
        self.append(request.environment?.environment ?? [:], to: 3, of: &writer)
        return SHA256Digest.of(writer.bytes)
    }

    /// For requests whose request id and map the caller has taken out.
    static func of(_ request: some ProtobufMessage, method: String, map: [String: String] = [:]) throws -> [UInt8] {
        var writer = WireWriter()
        writer.append(Array(method.utf8), to: 1)
        writer.append(try request.encoded(reserving: 0), to: 2)
        self.append(map, to: 3, of: &writer)
        return SHA256Digest.of(writer.bytes)
    }

    private static func append(_ map: [String: String], to number: Int, of writer: inout WireWriter) {
        for (key, value) in map.sorted(by: { $0.key < $1.key }) {
            writer.append(Array(key.utf8), to: number)
            writer.append(Array(value.utf8), to: number)
        }
    }
}
