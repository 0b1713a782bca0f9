import Compression
import RPCCore

/// A compressed message unfolds to what its limit lets through, or is refused.
enum CompressedFuzz {
    private static let limit = 64 << 10

    /// Bytes as they came out.
    private struct Raw: RPCMessage {
        var bytes: [UInt8]
        init(decoding bytes: RawSpan) { self.bytes = unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
        func encoded(reserving prefix: Int) -> [UInt8] { [UInt8](repeating: 0, count: prefix) + self.bytes }
    }

    static func run(_ bytes: [UInt8]) {
        guard let selector = bytes.first else { return }
        let codec = selector % 2 == 0 ? MessageCodec.gzip : MessageCodec.deflate
        let message = Array(bytes.dropFirst())
        let received = ReceivedMessage(
            storage: message, range: message.indices, decoder: MessageDecoder(codec, limit: self.limit))
        if let raw = try? received.decoded(as: Raw.self) { precondition(raw.bytes.count <= self.limit) }
    }
}
