/// A part of a large message that is sent from where it lies, behind the first `position` bytes of the output that it belongs to.
package struct LentPart {
    package let position: Int
    package let bytes: [UInt8]
    package let range: Range<Int>

    /// Bytes of a part that is worth an entry of its own in what the socket is given: fewer are copied.
    static let sizeMin = 4096
    /// Bytes that are lent at once: more would be kept waiting in the socket rather than in their streams, and save little.
    static let totalMax = 128 << 10
}
