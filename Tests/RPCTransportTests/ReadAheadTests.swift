import Testing

@testable import RPCTransport

@Suite("Reading ahead")
struct ReadAheadTests {
    private static func turn(_ ahead: inout ReadAhead, _ reads: [Int], events: Int) -> UInt? {
        for read in reads { ahead.received(read) }
        ahead.handled(events)
        return ahead.turnEnded()
    }

    @Test("a connection is read twice in a turn while it sends large frames, and once when it sends small calls")
    func table() {
        var ahead = ReadAhead()
        #expect(Self.turn(&ahead, [1000], events: 1) == nil, "little says nothing")
        #expect(Self.turn(&ahead, [65_536], events: 300) == nil, "small calls: as before")
        #expect(Self.turn(&ahead, [65_536], events: 0) == nil, "frames that bring nothing are no large ones")
        #expect(Self.turn(&ahead, [65_536], events: 5) == 2)
        #expect(Self.turn(&ahead, [65_536, 65_536], events: 9) == nil, "and so on")
        #expect(Self.turn(&ahead, [100], events: 10) == nil, "a pause changes nothing")
        #expect(Self.turn(&ahead, [65_536, 65_536], events: 33) == 1)
        #expect(Self.turn(&ahead, [65_536], events: 16) == 2, "4 KiB for each")
        #expect(Self.turn(&ahead, [65_536], events: 17) == 1)
    }

    @Test("each turn is looked at by itself")
    func turns() {
        var ahead = ReadAhead()
        for _ in 0..<10 { #expect(Self.turn(&ahead, [40_000], events: 1) == nil) }
    }
}
