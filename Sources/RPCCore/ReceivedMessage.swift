/// A message as it came from the wire, without its prefix. Several may share the bytes of one DATA frame.
package struct ReceivedMessage: Sendable {
    package let storage: [UInt8]
    /// Where the message lies in `storage`.
    package let range: Range<Int>

    package init(storage: [UInt8], range: Range<Int>) {
        self.storage = storage
        self.range = range
    }

    /// A message with its prefix, as ``RPCMessage/framed()`` makes it.
    ///
    /// - Precondition: it has at least the prefix.
    package init(framed: [UInt8]) {
        self.init(storage: framed, range: MessagePrefix.size..<framed.count)
    }

    /// In bytes.
    package var count: Int { self.range.count }

    package func decoded<M: RPCMessage>(as type: M.Type = M.self) throws(RPCError) -> M {
        try withRawBytes(of: self.storage, in: self.range) { (bytes) throws(RPCError) in try M(decoding: bytes) }
    }
}
