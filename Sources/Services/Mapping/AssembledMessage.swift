internal import ProtobufWire
package import RPCCore

/// A message around parts that are encoded already: those of its repeated field 1, and all its other fields. On the wire a message is its fields
/// in any order, so the parts are put before the encoding of the rest (protobuf.dev, "Encoding", section "Optional and repeated elements").
package struct AssembledMessage<Rest: RPCMessage>: RPCMessage {
    private static var partsField: Int { 1 }
    /// Of a part, at most: the field's tag, and its length, which is at most `UInt32.max`.
    private static var partOverhead: Int { 1 + 5 }

    private let parts: [ArraySlice<UInt8>]
    private let rest: Rest

    init(_ parts: [ArraySlice<UInt8>], and rest: Rest) {
        self.parts = parts
        self.rest = rest
    }

    package init(decoding bytes: RawSpan) throws(RPCError) {
        self.init([], and: try Rest(decoding: bytes))
    }

    package func encoded(reserving prefix: Int) throws(RPCError) -> [UInt8] {
        let rest = try self.rest.encoded(reserving: 0)
        let partsCount = self.parts.reduce(0) { $0 + $1.count + Self.partOverhead }
        var writer = WireWriter(reserving: prefix, capacity: prefix + partsCount + rest.count)
        for part in self.parts { writer.append(part, to: Self.partsField) }
        writer.append(fields: rest)
        return writer.bytes
    }

    /// As the generated type.
    var message: Rest {
        get throws(RPCError) { try Rest(decoding: self.encoded(reserving: 0)) }
    }
}
