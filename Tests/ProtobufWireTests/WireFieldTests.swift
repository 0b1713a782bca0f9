import ProtobufWire
import Testing

@Suite("Messages are taken apart and put together without a schema")
struct WireFieldTests {
    static let fields = [
        WireField(number: 1, content: .varint(0)),
        WireField(number: 15, content: .varint(.max)),
        WireField(number: 16, content: .varint(300)),
        WireField(number: 2, content: .fixed32(0x0102_0304)),
        WireField(number: 3, content: .fixed64(.max - 1)),
        WireField(number: 4, content: .lengthDelimited([])),
        WireField(number: 536_870_911, content: .lengthDelimited([1, 2, 3])),
    ]

    @Test("what was written is read")
    func roundTrip() throws {
        var writer = WireWriter()
        for field in Self.fields { writer.append(field) }
        #expect(try WireField.fields(of: writer.bytes[...]) == Self.fields)
    }

    @Test("the bytes are those of the specification")
    func specification() {
        var writer = WireWriter()
        writer.append(WireField(number: 1, content: .varint(150)))
        writer.append("testing".utf8, to: 2)
        #expect(writer.bytes == [0x08, 0x96, 0x01, 0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6E, 0x67])
    }

    @Test("a slice of a larger array is read within its bounds")
    func slice() throws {
        let bytes: [UInt8] = [0xFF, 0x08, 0x01, 0xFF]
        #expect(try WireField.fields(of: bytes[1..<3]) == [WireField(number: 1, content: .varint(1))])
    }

    @Test("what is no sequence of fields is refused", arguments: [[0x08], [0x0A, 5, 1], [0x00, 1], [0x0B], [0x09, 1]] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        #expect(throws: WireError(.malformed)) { try WireField.fields(of: bytes[...]) }
    }
}
