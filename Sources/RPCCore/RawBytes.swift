// The one place in this target where the standard library asks for the word `unsafe`: a span of any trivial type gives its raw bytes only
// so, because such a type may have padding, whose bytes have no value. UInt8 has none, so these functions are safe for every argument.

/// Lends the bytes of `storage` in `range` to `body`.
///
/// - Precondition: `range` lies within `storage`.
@inlinable
func withRawBytes<R, E: Error>(of storage: [UInt8], in range: Range<Int>, _ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    // Proof: `UInt8` has no padding, and `extracting` checks the range.
    try unsafe body(storage.span.bytes.extracting(range))
}

extension Array where Element == UInt8 {
    /// A copy of `bytes`, for message types that keep their bytes.
    package init(copying bytes: RawSpan) {
        // Proof: the buffer is only read, within the call that lends it.
        self = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }

    package init(copying bytes: Span<UInt8>) {
        // Proof: as above.
        self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
    }

    mutating func append(copying bytes: Span<UInt8>) {
        // Proof: as above.
        unsafe bytes.withUnsafeBufferPointer { unsafe self.append(contentsOf: $0) }
    }
}
