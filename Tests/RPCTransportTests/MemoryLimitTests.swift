import HTTP2Frames
import RPCCore
import TestSupport
import Testing

@testable import RPCTransport

@Suite("What a server holds for its clients")
struct MemoryLimitTests {
    @Test("beyond the limit no call begins and no large request goes on, and everything goes on when there is room again")
    func heldRequests() async throws {
        try await Rig.run({ $0.heldBytesMax = 100_000 }) { rig in
            let peer = try await self.peer(holding: rig)
            let error = await failure { try await rig.expectEcho("x") }
            #expect(error?.code == .resourceExhausted)
            for _ in 0..<2 { try await peer.send(Frame.data(1, [UInt8](repeating: 1, count: 16_000))) }
            let frames = try await peer.frames { $0.contains { $0.type == 1 && $0.stream == 1 } }
            #expect(frames.filter { $0.type == 1 }.map(\.summary) == ["HEADERS END"], "only the one that went on")
            #expect(rig.server.statistics.refusedForMemory >= 2)
            try await peer.close()
            try await eventually("all is forgotten") { rig.server.statistics.queuedBytesNow == 0 }
            try await rig.expectEcho("y")
        }
    }

    @Test("beyond the limit of requests alone no large one goes on, and other calls begin")
    func heldRequestsAlone() async throws {
        try await Rig.run({ $0.heldRequestBytesMax = 100_000 }) { rig in
            let peer = try await self.peer(holding: rig)
            try await rig.expectEcho("x")
            for _ in 0..<2 { try await peer.send(Frame.data(1, [UInt8](repeating: 1, count: 16_000))) }
            let frames = try await peer.frames { $0.contains { $0.type == 1 && $0.stream == 1 } }
            #expect(frames.filter { $0.type == 1 }.map(\.summary) == ["HEADERS END"], "only the one that went on")
            try await peer.close()
        }
    }

    /// A peer that has sent 48 000 bytes of a million on each of three streams.
    private func peer(holding rig: Rig) async throws -> RawPeer {
        let peer = try await RawPeer.connected(to: rig.address)
        let part = Frame.data(1, [0, 0, 15, 66, 64] + [UInt8](repeating: 1, count: 16_000))
        for stream in [1, 3, 5] as [UInt32] {
            try await peer.send(Frame.headers(stream, Frame.request("/test.v1.Test/Echo")))
            try await peer.send(part[0..<5] + Frame.big(stream) + part[9...])
            try await peer.send(Frame.data(stream, [UInt8](repeating: 1, count: 16_000)))
        }
        for stream in [1, 3, 5] as [UInt32] { try await peer.send(Frame.data(stream, [UInt8](repeating: 1, count: 16_000))) }
        try await eventually("it is held") { rig.server.statistics.queuedBytesNow > 100_000 }
        return peer
    }

    @Test(
        "a limit on descriptors leaves some to the rest of the program",
        arguments: [(64, 1, 32), (1024, 1, 768), (1024, 64, 579), (1_000_000, 4, 20_000), (1, 1, 1)])
    func descriptors(_ limit: Int, _ loops: Int, _ connections: Int) {
        var limits = ConnectionLimits()
        limits.fit(descriptors: limit, loops: loops)
        #expect(limits.connectionsMax == connections)
        #expect(limits.connectionsPerAddressMax == min(connections, 15_000))
    }

    @Test(
        "what is freed and kept is shared by the loops, and is enough for a message of each",
        arguments: [(1, 16), (2, 8), (3, 5), (4, 4), (64, 4), (0, 16)])
    func kept(loops: Int, mebibytes: Int) {
        #expect(FreedMemory.keptByLoop(of: loops) >> 20 == mebibytes)
    }

    @Test("the limit of the process is the system's")
    func raised() throws {
        let limit = try #require(DescriptorLimit.raise())
        #expect(limit > 0 && DescriptorLimit.raise() == limit)
    }
}
