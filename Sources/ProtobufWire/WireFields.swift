/// A field as it stands on the wire, for messages that are taken apart without a schema: descriptors.
package struct WireField: Equatable, Sendable {
    package enum Content: Equatable, Sendable {
        case varint(UInt64)
        case fixed32(UInt32)
        case fixed64(UInt64)
        /// A string, bytes, a message, or packed numbers.
        case lengthDelimited(ArraySlice<UInt8>)
    }

    package var number: Int
    package var content: Content

    package init(number: Int, content: Content) {
        self.number = number
        self.content = content
    }

    /// The content of a length-delimited field; empty for another.
    package var bytes: ArraySlice<UInt8> {
        guard case .lengthDelimited(let bytes) = self.content else { return [] }
        return bytes
    }

    /// The content as text, with U+FFFD in place of what is not UTF-8.
    package var text: String { String(decoding: self.bytes, as: UTF8.self) }

    /// The content of a varint field; 0 for another.
    package var number64: UInt64 {
        guard case .varint(let value) = self.content else { return 0 }
        return value
    }
}

extension WireField {
    /// Takes a message apart: its fields in the order of the wire.
    ///
    /// - Throws: `malformed` when `message` is not a sequence of fields.
    package static func fields(of message: ArraySlice<UInt8>) throws(WireError) -> [WireField] {
        let bytes = message.span
        var fields: [WireField] = []
        var position = 0
        while position < bytes.count {
            let tag = try bytes.tag(at: &position, before: bytes.count)
            let range = try bytes.content(of: tag, at: &position, before: bytes.count).range
            let start = message.startIndex
            let content = message[(start + range.lowerBound)..<(start + range.upperBound)]
            fields.append(WireField(number: Int(tag.number), content: Self.content(tag.wireType, content)))
        }
        return fields
    }

    private static func content(_ type: WireType, _ bytes: ArraySlice<UInt8>) -> WireField.Content {
        switch type {
        case .varint: .varint(bytes.reversed().reduce(0) { $0 << 7 | UInt64($1 & 0x7F) })
        case .fixed32: .fixed32(bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) })
        case .fixed64: .fixed64(bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) })
        case .lengthDelimited: .lengthDelimited(bytes)
        }
    }
}

/// Puts a message together, field by field.
package struct WireWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// - Parameters:
    ///   - prefix: zeros that the bytes begin with, for the caller to fill.
    ///   - capacity: bytes to have room for.
    package init(reserving prefix: Int, capacity: Int) {
        self.bytes.reserveCapacity(capacity)
        self.bytes.append(contentsOf: repeatElement(0, count: prefix))
    }

    package mutating func append(_ field: WireField) {
        switch field.content {
        case .varint(let value):
            self.append(tag: field.number, .varint)
            self.append(varint: value)
        case .fixed32(let value):
            self.append(tag: field.number, .fixed32)
            for shift in stride(from: 0, to: 32, by: 8) { self.bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
        case .fixed64(let value):
            self.append(tag: field.number, .fixed64)
            for shift in stride(from: 0, to: 64, by: 8) { self.bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
        case .lengthDelimited(let content):
            self.append(content, to: field.number)
        }
    }

    /// A string, bytes or message field.
    package mutating func append(_ content: some Collection<UInt8>, to number: Int) {
        self.append(tag: number, .lengthDelimited)
        self.append(varint: UInt64(content.count))
        self.bytes.append(contentsOf: content)
    }

    /// Fields that are encoded already.
    package mutating func append(fields: [UInt8]) { self.bytes.append(contentsOf: fields) }

    private mutating func append(tag number: Int, _ type: WireType) {
        self.append(varint: UInt64(number) << 3 | UInt64(type.rawValue))
    }

    private mutating func append(varint value: UInt64) {
        var value = value
        while value >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        self.bytes.append(UInt8(value))
    }
}
