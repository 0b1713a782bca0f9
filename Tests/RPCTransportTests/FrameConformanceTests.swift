import HTTP2Frames
import RPCTransport
import Testing

/// The rules of HTTP/2 as a client can break them, case by case, against a running server over sockets.
@Suite("Frames, by the list of h2spec")
struct FrameConformanceTests {
    static let groups = [FrameCase.generic, FrameCase.streams, FrameCase.definitions, FrameCase.messages]

    @Test("each case of the list gets its answer", .timeLimit(.minutes(2)), arguments: groups.flatMap { $0 })
    func answer(_ test: FrameCase) async throws {
        try await Rig.run({ $0.shutdownGrace = .milliseconds(100) }) { rig in try await test.run(on: rig.address) }
    }

    @Test("the list is complete: 44 generic cases, 95 of HTTP/2, 8 of HPACK, each once")
    func complete() {
        let numbers = Self.groups.flatMap { $0 }.map(\.number)
        #expect(Set(numbers).count == numbers.count)
        let counts = Dictionary(grouping: numbers) { $0.prefix { $0 != "/" } }.mapValues(\.count)
        #expect(counts == ["generic": 44, "http2": 95, "hpack": 8])
    }
}
