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

/// What follows a field's tag.
struct WireContent {
    /// Where the bytes lie: those of a length-delimited field without its length.
    var range: Range<Int>
    /// A number field's bits, as they are on the wire; 0 for a length-delimited one.
    var value: UInt64
}

/// Reads protobuf's primitives, bounds-checked. The caller keeps the position.
extension Span<UInt8> {
    /// Most numbers have one byte, and most of the others, lengths of messages, two.
    @inline(__always)
    func varint(at position: inout Int, before end: Int) throws(WireError) -> UInt64 {
        if position < end {
            let byte = self[position]
            if byte < 0x80 {
                position += 1
                return UInt64(byte)
            }
            if position + 1 < end, self[position + 1] < 0x80 {
                defer { position += 2 }
                return UInt64(byte & 0x7F) | UInt64(self[position + 1]) << 7
            }
        }
        return try self.longVarint(at: &position, before: end)
    }

    @inline(never)
    private func longVarint(at position: inout Int, before end: Int) throws(WireError) -> UInt64 {
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

    @inline(__always)
    func tag(at position: inout Int, before end: Int) throws(WireError) -> WireTag {
        let value = try self.varint(at: &position, before: Swift.min(end, position + Self.prefixSizeMax))
        guard value <= UInt64(UInt32.max), value >= 8, let wireType = WireType(rawValue: UInt8(value & 7)) else {
            throw WireError(.malformed)
        }
        return WireTag(number: UInt32(value >> 3), wireType: wireType)
    }

    /// What follows a field's tag; moves the position behind it.
    @inline(__always)
    func content(of tag: WireTag, at position: inout Int, before end: Int) throws(WireError) -> WireContent {
        let start = position
        switch tag.wireType {
        case .varint:
            let value = try self.varint(at: &position, before: end)
            return WireContent(range: start..<position, value: value)
        case .fixed64: return self.number(in: try self.skip(8, at: &position, before: end))
        case .fixed32: return self.number(in: try self.skip(4, at: &position, before: end))
        case .lengthDelimited:
            let length = try self.varint(at: &position, before: Swift.min(end, position + Self.prefixSizeMax))
            return WireContent(range: try self.skip(length, at: &position, before: end), value: 0)
        }
    }

    private func number(in range: Range<Int>) -> WireContent {
        WireContent(range: range, value: range.reversed().reduce(0) { $0 << 8 | UInt64(self[$1]) })
    }

    @inline(__always)
    private func skip(_ count: UInt64, at position: inout Int, before end: Int) throws(WireError) -> Range<Int> {
        let start = position
        guard count <= UInt64(end - position) else { throw WireError(.malformed) }
        position += Int(count)
        return start..<position
    }
}
