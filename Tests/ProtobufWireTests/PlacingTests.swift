import ProtobufWire
import RPCCore
import TestProto
import Testing

@Suite("A message that is written where there is room for it")
struct PlacingTests {
    private static func message(_ count: Int) -> NovitaiTestV1.EveryField {
        var message = NovitaiTestV1.EveryField()
        message.someBytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        message.aString = "behind the bytes"
        return message
    }

    @Test("has the bytes that it has when it is framed, whatever its size", arguments: [0, 1, 127, 128] + (2000...2050) + [70_000])
    func sameBytes(_ count: Int) throws {
        let message = Self.message(count)
        var placed: [UInt8] = []
        let end = try message.place { size, write throws(RPCError) in
            placed = [UInt8](capacity: size, initializingWith: write)
            #expect(placed.count == size)
            return .takenAndFull
        }
        switch end {
        case .sent(let sent):
            #expect(sent == .takenAndFull)
            #expect(placed == (try message.framed()))
            #expect(placed.count <= 2048)
        case .large(let framed):
            #expect(placed.isEmpty)
            #expect(framed == (try message.framed()))
            #expect(framed.count > 2048)
        }
    }

    @Test("is given up when there is no room")
    func failure() throws {
        let refusal = RPCError(code: .cancelled, message: "the call has ended")
        #expect(throws: refusal) { try Self.message(10).place { _, _ throws(RPCError) in throw refusal } }
        #expect(try NovitaiTestV1.EveryField(decoding: Self.message(10).encoded()) == Self.message(10))
    }

    @Test("is not mixed with another one: who tries ends the process")
    func nested() async {
        await #expect(processExitsWith: .failure) {
            _ = try PlacingTests.message(10).place { _, _ throws(RPCError) in
                _ = try PlacingTests.message(20).encoded()
                return .taken
            }
        }
    }
}
