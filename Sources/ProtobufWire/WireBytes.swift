/// How a field's content is delimited on the wire. Groups (3 and 4) are not used in proto3 and refused.
package enum WireType: UInt8, Sendable {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case fixed32 = 5
}

/// What stands before a field's content: its number, 1 to 2^29 - 1, and wire type.
struct WireTag {
    var number: UInt32
    var wireType: WireType
}

/// Reads protobuf's primitives, bounds-checked. The caller keeps the position.
extension Span<UInt8> {
    func varint(at position: inout Int, before end: Int) throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end, shift < 70 {
            let byte = self[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw WireError(.malformed)
    }

    /// Bytes of a tag or a length: both have 32 bits, and nobody writes more than they need.
    private static var prefixSizeMax: Int { 5 }

    func tag(at position: inout Int, before end: Int) throws(WireError) -> WireTag {
        let value = try self.varint(at: &position, before: Swift.min(end, position + Self.prefixSizeMax))
        guard value <= UInt64(UInt32.max), value >= 8, let wireType = WireType(rawValue: UInt8(value & 7)) else {
            throw WireError(.malformed)
        }
        return WireTag(number: UInt32(value >> 3), wireType: wireType)
    }

    /// The range of the field's content, for a length-delimited one without its length; moves the position behind it.
    func content(of tag: WireTag, at position: inout Int, before end: Int) throws(WireError) -> Range<Int> {
        let start = position
        switch tag.wireType {
        case .varint:
            _ = try self.varint(at: &position, before: end)
            return start..<position
        case .fixed64: return try self.skip(8, at: &position, before: end)
        case .fixed32: return try self.skip(4, at: &position, before: end)
        case .lengthDelimited:
            let length = try self.varint(at: &position, before: Swift.min(end, position + Self.prefixSizeMax))
            return try self.skip(length, at: &position, before: end)
        }
    }

    /// A number field's bits, as they are on the wire; 0 for a length-delimited one.
    func value(of tag: WireTag, in content: Range<Int>) throws(WireError) -> UInt64 {
        switch tag.wireType {
        case .varint:
            var position = content.lowerBound
            return try self.varint(at: &position, before: content.upperBound)
        case .fixed64, .fixed32: return content.reversed().reduce(0) { $0 << 8 | UInt64(self[$1]) }
        case .lengthDelimited: return 0
        }
    }

    private func skip(_ count: UInt64, at position: inout Int, before end: Int) throws(WireError) -> Range<Int> {
        let start = position
        guard count <= UInt64(end - position) else { throw WireError(.malformed) }
        position += Int(count)
        return start..<position
    }
}
