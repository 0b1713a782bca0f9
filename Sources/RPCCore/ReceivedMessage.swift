/// A message as it came from the wire, without its prefix. Several may share the bytes of one DATA frame.
@usableFromInline
package struct ReceivedMessage: Sendable {
    package let storage: [UInt8]
    /// Where the message lies in `storage`.
    package let range: Range<Int>
    /// What takes the message out of its coding; nil when it came as it is.
    private let decoder: MessageDecoder?

    package init(storage: [UInt8], range: Range<Int>, decoder: MessageDecoder? = nil) {
        self.storage = storage
        self.range = range
        self.decoder = decoder
    }

    /// A message with its prefix, as ``RPCMessage/framed()`` makes it.
    ///
    /// - Precondition: it has at least the prefix.
    package init(framed: [UInt8]) {
        self.init(storage: framed, range: MessagePrefix.size..<framed.count)
    }

    /// In bytes, as on the wire.
    package var count: Int { self.range.count }
    package var isCompressed: Bool { self.decoder != nil }

    /// Bytes of a compressed message that is unfolded where it is taken: zlib makes at most a MiB of them, in a millisecond or two.
    private static let quickSize = 1024

    /// Whether it may take so long to unfold that everybody else on the thread would notice.
    package var isLongToUnfold: Bool { self.isCompressed && self.count > Self.quickSize }

    /// As ``decoded(as:)``, on a thread that is there for long work. Nobody waits for what a task that has been cancelled would make of it.
    package nonisolated(nonsending) func decodedBeside<M: RPCMessage>(as type: M.Type = M.self) async throws(RPCError) -> M {
        let message = try await withTaskExecutorPreference(globalConcurrentExecutor) { () -> Result<M, RPCError> in
            do throws(RPCError) {
                try Self.checkCancellation()
                return .success(try self.decoded())
            } catch {
                return .failure(error)
            }
        }.get()
        try Self.checkCancellation()
        return message
    }

    private static func checkCancellation() throws(RPCError) {
        if Task.isCancelled { throw RPCError.taskCancelled }
    }

    /// Only here is a compressed message unfolded, so that what waits to be taken takes no more room than it did on the wire.
    package func decoded<M: RPCMessage>(as type: M.Type = M.self) throws(RPCError) -> M {
        try withRawBytes(of: self.storage, in: self.range) { (bytes) throws(RPCError) in
            guard let decoder else { return try M(decoding: bytes) }
            return try M(decoding: decoder.decode(bytes))
        }
    }
}
