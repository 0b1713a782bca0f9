/// One coding of messages (`grpc-encoding`), made by whoever has the algorithm: this target imports nothing.
@usableFromInline
package final class MessageCodec: Sendable {
    /// As it stands in `grpc-encoding`, for example `gzip`.
    package let name: String
    let compress: @Sendable (_ message: RawSpan, _ prefix: Int) throws(RPCError) -> [UInt8]
    let decompress: @Sendable (_ message: RawSpan, _ limit: Int) throws(RPCError) -> [UInt8]

    /// - Parameters:
    ///   - compress: the message in the coding, behind as many bytes as the caller wants free.
    ///   - decompress: the message out of the coding. Throws INTERNAL for bytes that are not in it, RESOURCE_EXHAUSTED for a message that
    ///     would be longer than the limit, in bytes, without making the rest of it.
    package init(
        name: String, compress: @escaping @Sendable (_ message: RawSpan, _ prefix: Int) throws(RPCError) -> [UInt8],
        decompress: @escaping @Sendable (_ message: RawSpan, _ limit: Int) throws(RPCError) -> [UInt8]
    ) {
        self.name = name
        self.compress = compress
        self.decompress = decompress
    }
}

/// The codings that one end of a connection knows, the preferred one first. `identity` is always known, and is none of them.
package struct MessageCodecs: Sendable {
    package let all: [MessageCodec]

    package init(_ all: [MessageCodec] = []) { self.all = all }

    /// The value of `grpc-accept-encoding`.
    package var accepted: String { (["identity"] + self.all.map(\.name)).joined(separator: ",") }

    package enum Lookup: Sendable {
        case identity
        case codec(MessageCodec)
        case unknown
    }

    /// What a value of `grpc-encoding` means; nil is `identity`, as gRPC has it.
    package func lookup(_ name: String?) -> Lookup {
        guard let name, name != "identity" else { return .identity }
        return self.all.first { $0.name == name }.map { .codec($0) } ?? .unknown
    }

    /// The first of ours that a value of `grpc-accept-encoding` lists.
    func firstListed(in value: Span<UInt8>) -> MessageCodec? {
        let listed = Array(copying: value).split(separator: UInt8(ascii: ",")).map { $0.trimmingBlanks() }
        return self.all.first { codec in listed.contains { $0.elementsEqual(codec.name.utf8) } }
    }
}

/// Takes the messages of one direction of a call out of their coding. One is shared by all calls with the same coding and limit.
@usableFromInline
package final class MessageDecoder: Sendable {
    package let codec: MessageCodec
    /// Bytes of a message, as it was before it was compressed.
    private let limit: Int
    /// nil: the sender is trusted not to send bombs.
    private let budget: UnfoldingBudget?

    package init(_ codec: MessageCodec, limit: Int, budget: UnfoldingBudget? = nil) {
        self.codec = codec
        self.limit = limit
        self.budget = budget
    }

    func decode(_ message: RawSpan, at now: @autoclosure () -> ContinuousClock.Instant = .now) throws(RPCError) -> [UInt8] {
        let free = UnfoldingBudget.freeBytes(of: message.byteCount)
        guard let budget, free < self.limit else { return try self.codec.decompress(message, self.limit) }
        guard budget.hasCredit(at: now()) else { return try self.decode(message, upTo: free) }
        let decoded = try self.codec.decompress(message, self.limit)
        if decoded.count > free { budget.spend(decoded.count - free) }
        return decoded
    }

    /// While too many messages cost too much.
    private func decode(_ message: RawSpan, upTo free: Int) throws(RPCError) -> [UInt8] {
        do throws(RPCError) { return try self.codec.decompress(message, free) } catch {
            guard error.code == .resourceExhausted else { throw error }
            throw RPCError(
                code: .resourceExhausted,
                message: "the message unfolds to more than \(UnfoldingBudget.freeRatio) times its bytes, as too many do at present")
        }
    }
}
