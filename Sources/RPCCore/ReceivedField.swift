extension String {
    /// The bytes as UTF-8, with U+FFFD for what is none.
    init(lossy bytes: Span<UInt8>) {
        if let valid = try? UTF8Span(validating: bytes) {
            self = String(copying: valid)
        } else {
            self = String(decoding: Array(copying: bytes), as: UTF8.self)
        }
    }
}

extension Metadata {
    /// Takes a field that came from the peer. A value that is legal in HTTP but not in gRPC (bytes beyond ASCII) is dropped: it must not
    /// fail the call, and an echo of it must not either.
    ///
    /// - Throws: INTERNAL for a `-bin` value that is no base64.
    package mutating func appendReceived(name: Span<UInt8>, value: Span<UInt8>) throws(RPCError) {
        let key = String(lossy: name)
        guard key.hasSuffix("-bin") else {
            for index in value.indices where !(0x20...0x7E).contains(value[index]) { return }
            return self.append(received: Field(name: key, value: .ascii(String(lossy: value))))
        }
        // Several values may come joined, as HTTP allows.
        for part in Array(copying: value).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let bytes = Base64.decode(part.trimmingBlanks()) else {
                throw RPCError(code: .internal, message: "metadata \"\(key)\": the value is no base64")
            }
            self.append(received: Field(name: key, value: .binary(bytes)))
        }
    }
}

extension ArraySlice where Element == UInt8 {
    func trimmingBlanks() -> ArraySlice<UInt8> {
        let blank = UInt8(ascii: " ")
        guard let first = self.firstIndex(where: { $0 != blank }), let last = self.lastIndex(where: { $0 != blank }) else { return [] }
        return self[first...last]
    }
}
