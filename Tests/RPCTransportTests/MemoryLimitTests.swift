import HTTP2Frames
import HTTP2Session
import NIOCore
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

    @Test("what has left the session and waits for its socket is counted too")
    func blockedBytes() async throws {
        let size = 16 << 20
        let large = TestService.method("Large", .unary)
        try await Rig.run {
            $0.threadCount = 1
        } router: { router in
            router.register(unary: large) { (_: BytesMessage, _) in BytesMessage([UInt8](repeating: 1, count: size)) }
        } _: { rig in
            let reader = try await SilentReader(rig.address, method: large, timeout: "60S")
            let inSession = { size - rig.server.statistics.sentBytes }
            // A channel that takes no more has as much at least: NIO's low water mark. Frames' heads are among what is sent, a third of that.
            try await eventually("its socket takes no more") { rig.server.statistics.bufferedBytesNow > inSession() + (32 << 10) }
            let (bytes, code) = try await reader.readToEnd()
            #expect(bytes >= size && code == .noError)
            try await eventually("all is sent") { rig.server.statistics.bufferedBytesNow == 0 }
        }
    }

    @Test("a client that reads slowly gets all of the last response, when the server stops meanwhile too", arguments: [false, true])
    func lastResponse(_ isStopped: Bool) async throws {
        let size = 16 << 20
        let large = TestService.method("Large", .unary)
        try await Rig.run { _ in
        } router: { router in
            router.register(unary: large) { (_: BytesMessage, _) in BytesMessage([UInt8](repeating: 1, count: size)) }
        } _: { rig in
            let reader = try await SilentReader(rig.address, method: large, timeout: "60S")
            try await eventually("its socket is full") { rig.server.statistics.bufferedBytesNow > 1 << 20 }
            if isStopped { rig.server.beginGracefulShutdown() }
            let (bytes, code) = try await reader.readToEnd()
            #expect(bytes >= size && code == .noError)
        }
    }

    /// Whether an object is still there.
    // `@unchecked Sendable`: it is made once, and whether a weak reference is nil may be asked from any thread.
    private final class Trace: @unchecked Sendable {
        private weak var object: AnyObject?
        init(_ object: AnyObject) { self.object = object }
        var isGone: Bool { self.object == nil }
    }

    private static let endings: [(what: String, bytes: [UInt8])] = [
        ("an answer and the reason in one output", Frame.headers(1, Frame.request("/test.v1.Test/Echo"), end: true) + Frame.data(1, [0])),
        ("a call that runs", Frame.headers(1, Frame.request("/test.v1.Test/Chat")) + Frame.data(3, [0])),
        ("a reset and the reason in one output", Frame.headers(1, Frame.request() + [("X", "upper")]) + Frame.data(3, [0])),
    ]

    @Test("of a connection that is ended nothing stays, whatever was going on", arguments: endings.indices)
    func endedConnection(_ index: Int) async throws {
        try await Rig.run { rig in
            let peer = try await RawPeer.connected(to: rig.address)
            let traces = try await self.tracesOfOnlyConnection(rig.server)
            try await peer.send(Self.endings[index].bytes)
            #expect(try await peer.frames().contains { $0.type == 7 }, "the server has ended it")
            try await eventually("\(Self.endings[index].what): it is freed") { traces.allSatisfy(\.isGone) }
        }
    }

    @Test("nor of one that is ended with the calls that run on it")
    func endedConnectionWithCalls() async throws {
        try await Rig.run { rig in
            let peer = try await RawPeer.connected(to: rig.address)
            let traces = try await self.tracesOfOnlyConnection(rig.server)
            try await peer.send(Frame.headers(1, Frame.request("/test.v1.Test/Chat"), end: true))
            try await peer.send(Frame.headers(3, Frame.request("/test.v1.Test/Hang")) + Frame.data(3, [0, 0, 0, 0, 0], end: true))
            await rig.service.started.reaches(1)
            try await self.endOnlyConnection(rig.server)
            #expect(try await peer.frames().contains { $0.type == 7 }, "it was told")
            try await eventually("it is freed") { traces.allSatisfy(\.isGone) }
        }
    }

    private func endOnlyConnection(_ server: RPCServer) async throws {
        let connection = try #require(server.openConnections.values.first)
        try await connection.eventLoop.submit { connection.value.endNow("max_age_grace") }.get()
    }

    /// A function of its own, so that nothing of the connection is kept by the test.
    private func tracesOfOnlyConnection(_ server: RPCServer) async throws -> [Trace] {
        try await eventually("it is open") { server.openConnections.count == 1 }
        let connection = try #require(server.openConnections.values.first)
        return try await connection.eventLoop.submit { [Trace(connection.value), Trace(connection.value.session)] }.get()
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
