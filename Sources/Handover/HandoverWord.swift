internal import CHandover

/// What one side tells the other: a byte, a text and at most one descriptor.
struct HandoverWord {
    /// Negative: an errno.
    let byte: CInt
    /// -1 when none came. Whoever receives it closes it.
    let descriptor: CInt
    /// Empty from a release that sends none.
    let text: String

    /// 0, or a negative errno.
    static func send(_ byte: CInt, _ text: String = "", _ descriptor: CInt = -1, to connection: CInt) -> CInt {
        // The text is lent for the length of the call, which copies it.
        unsafe novitai_send(connection, byte, descriptor, text)
    }

    static func receive(from connection: CInt) -> Self {
        var (descriptor, byte): (CInt, CInt) = (-1, 0)
        // One byte more for the zero that ends it.
        let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: HandoverPoint.factsBytesMax + 1) { room in
            byte = unsafe novitai_receive(connection, &descriptor, room.baseAddress, room.count)
            // It is inside the allocation, which the call above has ended with a zero.
            return unsafe room.baseAddress.map { unsafe String(cString: $0) } ?? ""
        }
        return Self(byte: byte, descriptor: descriptor, text: text)
    }
}
