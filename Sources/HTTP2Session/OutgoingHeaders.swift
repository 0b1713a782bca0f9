internal import CNghttp2

/// A header or trailer field to be sent. Name and value must be legal for HTTP/2: nghttp2 does not look.
package struct HeaderField: Hashable, Sendable {
    package let name: String
    package let value: String
    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// Sent as a literal that is never indexed (RFC 7541, section 7.1.3): it stands in no compression table, neither the peer's nor that of a proxy
    /// in between, where guesses could be compared with it.
    fileprivate var isSecret: Bool {
        switch self.name {
        case "authorization", "proxy-authorization", "cookie", "set-cookie": true
        default: false
        }
    }
}

/// Fields that never change: made once, and handed to nghttp2 without copying.
///
// `@unchecked Sendable`: the pointers are to the bytes of `StaticString` literals, which exist as long as the program and are only read.
@safe package struct ConstantHeaders: @unchecked Sendable {
    let fields: [nghttp2_nv]

    package init(_ fields: [(name: StaticString, value: StaticString)]) {
        let noCopy = UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)
        unsafe self.fields = unsafe fields.map { field in
            // nghttp2 does not write through these pointers; its structure merely lacks `const`.
            unsafe nghttp2_nv(
                name: UnsafeMutablePointer(mutating: field.name.utf8Start), value: UnsafeMutablePointer(mutating: field.value.utf8Start),
                namelen: field.name.utf8CodeUnitCount, valuelen: field.value.utf8CodeUnitCount, flags: noCopy)
        }
    }

    package static let none = ConstantHeaders([])
}

/// A header block to be sent: constant fields, then others.
package struct OutgoingHeaders: Sendable {
    package var constant: ConstantHeaders
    package var fields: [HeaderField]

    package init(constant: ConstantHeaders = .none, fields: [HeaderField] = []) {
        self.constant = constant
        self.fields = fields
    }

    /// Lends the block as nghttp2 wants it. It copies what is not constant before `body` returns.
    func withNameValues<R>(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> R) -> R {
        guard !self.fields.isEmpty else { return unsafe self.constant.fields.withUnsafeBufferPointer(body) }
        var text: [UInt8] = []
        for field in self.fields {
            text.append(contentsOf: field.name.utf8)
            text.append(contentsOf: field.value.utf8)
        }
        return unsafe text.withUnsafeMutableBufferPointer { text in
            var nameValues = unsafe self.constant.fields
            guard var position = text.baseAddress else { return unsafe nameValues.withUnsafeBufferPointer(body) }
            for field in self.fields {
                // `text` holds exactly these names and values, one after the other.
                let nameLength = field.name.utf8.count
                let valueLength = field.value.utf8.count
                let flags = field.isSecret ? UInt8(NGHTTP2_NV_FLAG_NO_INDEX.rawValue) : 0
                unsafe nameValues.append(
                    nghttp2_nv(name: position, value: position + nameLength, namelen: nameLength, valuelen: valueLength, flags: flags))
                unsafe position += nameLength + valueLength
            }
            return unsafe nameValues.withUnsafeBufferPointer(body)
        }
    }
}
