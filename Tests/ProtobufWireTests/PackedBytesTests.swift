import ProtobufWire
import TestProto
import Testing

/// What other encoders write too, byte by byte (protobuf.dev, "Encoding"): the differential tests compare values, for which there are several.
@Suite("The bytes of a message")
struct PackedBytesTests {
    typealias EveryField = NovitaiTestV1.EveryField

    static func message(_ change: (inout EveryField) -> Void) -> EveryField {
        var message = EveryField()
        change(&message)
        return message
    }

    static func leaf(_ count: Int) -> NovitaiTestV1.Leaf {
        var leaf = NovitaiTestV1.Leaf()
        leaf.text = String(repeating: "a", count: count)
        return leaf
    }

    static let cases: [(String, EveryField, [UInt8])] = [
        (
            "a default is left out",
            message {
                $0.anInt32 = 0
                $0.aBool = false
                $0.aString = ""
            }, []
        ),
        (
            "a default with presence is not",
            message {
                $0.optionalInt32 = 0
                $0.optionalString = ""
            }, [0xB8, 0x01, 0, 0x92, 0x02, 0]
        ),
        (
            "minus zero is no default",
            message {
                $0.aDouble = -0.0
                $0.aFloat = -0.0
            }, [0x09, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x15, 0, 0, 0, 0x80]
        ),
        ("a negative number has ten bytes", message { $0.anInt32 = -1 }, [0x18] + [UInt8](repeating: 0xFF, count: 9) + [1]),
        (
            "a zigzag number has few",
            message {
                $0.aSint32 = -1
                $0.aSint64 = .min
            }, [0x38, 1, 0x40] + [UInt8](repeating: 0xFF, count: 9) + [1]
        ),
        ("numbers are packed", message { $0.sint32s = [0, -64, 64] }, [0xFA, 0x02, 4, 0, 0x7F, 0x80, 0x01]),
        ("unless the schema says otherwise", message { $0.unpackedInt32s = [1, 2] }, [0xD0, 0x03, 1, 0xD0, 0x03, 2]),
        ("an empty message is there", message { $0.aLeaf = .init() }, [0x8A, 0x01, 0]),
        (
            "a message of 127 bytes has a length of one",
            message {
                $0.aLeaf = .init()
                $0.aLeaf?.text = String(repeating: "a", count: 125)
            },
            [0x8A, 0x01, 0x7F, 0x0A, 125] + [UInt8](repeating: 0x61, count: 125)
        ),
        (
            "one of 128 bytes has a length of two",
            message {
                $0.aLeaf = .init()
                $0.aLeaf?.text = String(repeating: "a", count: 126)
            },
            [0x8A, 0x01, 0x80, 0x01, 0x0A, 126] + [UInt8](repeating: 0x61, count: 126)
        ),
        ("a default in a oneof is there", message { $0.choice = .choiceUint32(0) }, [0x88, 0x05, 0]),
        ("and so is an empty message", message { $0.choice = .choiceNothing(.init()) }, [0xBA, 0x05, 0]),
        (
            "each of several messages has its own length", message { $0.leaves = [leaf(1), leaf(0), leaf(2)] },
            [0xCA, 0x03, 3, 0x0A, 1, 0x61, 0xCA, 0x03, 0, 0xCA, 0x03, 4, 0x0A, 2, 0x61, 0x61]
        ),
        (
            "at every depth",
            message {
                $0.aNested = .init()
                $0.aNested?.inner = .init()
                $0.aNested?.inner?.leaves = [leaf(16_384), leaf(122)]
            },
            [0x92, 0x01, 0x8A, 0x81, 0x01, 0x12, 0x86, 0x81, 0x01, 0x0A, 0x84, 0x80, 0x01, 0x0A, 0x80, 0x80, 0x01]
                + [UInt8](repeating: 0x61, count: 16_384) + [0x0A, 0x7C, 0x0A, 0x7A] + [UInt8](repeating: 0x61, count: 122)
        ),
    ]

    @Test("are those of the format", arguments: cases)
    func bytes(_ title: String, _ message: EveryField, _ bytes: [UInt8]) throws {
        #expect(try message.encoded() == bytes)
    }
}
