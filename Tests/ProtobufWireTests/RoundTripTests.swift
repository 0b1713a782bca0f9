import NovitaiProto
import ProtobufWire
import RPCCore
import TestProto
import Testing

@Suite("A message survives encoding and decoding")
struct RoundTripTests {
    @Test("with every kind of field set")
    func everyField() throws {
        let message = EveryFieldSamples.full
        let bytes = try message.encoded()
        let decoded = try NovitaiTestV1.EveryField(decoding: bytes)
        #expect(decoded == message)
        #expect(decoded.aLeaf?.text.utf8.count == 5, "a NUL does not end a string")
    }

    @Test("whichever member of a oneof is set, and when none is", arguments: choices)
    func oneOf(_ choice: NovitaiTestV1.EveryField.ChoiceOneOf?) throws {
        var message = NovitaiTestV1.EveryField()
        message.choice = choice
        #expect(try NovitaiTestV1.EveryField(decoding: message.encoded()).choice == choice)
    }

    static let choices: [NovitaiTestV1.EveryField.ChoiceOneOf?] = [
        nil, .choiceUint32(0), .choiceString(""), .choiceBytes([]), .choiceBool(false), .choiceColour(.init(rawValue: -9)),
        .choiceLeaf(.init()), .choiceNothing(.init()), .choiceString("x"),
    ]

    @Test("with names that are keywords in C or Swift")
    func keywords() throws {
        var message = NovitaiTestV1.Keywords()
        message.default = "default"
        message.class = true
        message.switch = 0
        message.operator = ["+"]
        message.protocol = "protocol"
        message.`self` = "self"
        message.`init` = "init"
        message.c = 1
        message.arena = 2
        message.camelCase = 3
        message.uPPERCASE = 4
        message.with2Digits3 = 5
        message.in = .let("let")
        #expect(try NovitaiTestV1.Keywords(decoding: message.encoded()) == message)
    }

    @Test("at the largest size that a call may carry, 4 MiB")
    func largest() throws {
        let limit = 4 * 1024 * 1024
        var message = NovitaiTestV1.EveryField()
        message.someBytes = (0..<(limit - 5)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let bytes = try message.encoded()
        try #require(bytes.count == limit)
        #expect(try NovitaiTestV1.EveryField(decoding: bytes) == message)
    }

    @Test("the default message is no bytes, and no bytes are the default message")
    func empty() throws {
        #expect(try NovitaiTestV1.EveryField().encoded() == [])
        #expect(try NovitaiTestV1.EveryField(decoding: [UInt8]()) == NovitaiTestV1.EveryField())
    }

    @Test("encoding leaves the asked number of zero bytes in front", arguments: [0, 1, 5, 1000])
    func prefix(_ count: Int) throws {
        let bytes = try EveryFieldSamples.leaf.encoded(reserving: count)
        #expect(Array(bytes.prefix(count)) == [UInt8](repeating: 0, count: count))
        #expect(try Array(bytes.dropFirst(count)) == EveryFieldSamples.leaf.encoded())
    }

    @Test("threads do not disturb each other")
    func threads() async throws {
        let message = EveryFieldSamples.full
        let failures = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<200).count { _ in
                        (try? NovitaiTestV1.EveryField(decoding: message.encoded())) != message
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(failures == 0)
    }

    @Test("a name finds its enum value and a value its name; an unknown value is its number")
    func enumNames() {
        #expect(NovitaiTestV1.Colour(name: "COLOUR_RED") == .red)
        #expect(NovitaiTestV1.Colour(name: "RED") == nil)
        #expect(NovitaiTestV1.Colour.ultraviolet.description == "COLOUR_ULTRAVIOLET")
        #expect(NovitaiTestV1.Colour(rawValue: 12).description == "12")
    }

    @Test("a request that is in no way special decodes the same as ever")
    func golden() throws {
        var request = NovitaiV1.GetInstanceRequest()
        request.id = "inst-00012345"
        #expect(try request.encoded() == [0x0A, 13] + Array("inst-00012345".utf8))
    }
}
