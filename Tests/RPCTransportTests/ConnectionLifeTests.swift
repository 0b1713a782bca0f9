import HTTP2Frames
import RPCCore
import TestSupport
import Testing

@testable import RPCTransport

@Suite("How long connections live")
struct ConnectionLifeTests {
    static let limits = ConnectionLife.Limits(idleMax: 100, ageMax: 1000, ageGrace: 50, keepaliveTime: 60, keepaliveTimeout: 20)

    static func life(_ change: (inout ConnectionLife.Limits) -> Void) -> ConnectionLife {
        var limits = ConnectionLife.Limits(idleMax: nil, ageMax: nil, ageGrace: nil, keepaliveTime: nil, keepaliveTimeout: 20)
        change(&limits)
        return ConnectionLife(limits, openedAt: 0)
    }

    @Test("without a call for long enough it leaves; with one it does not")
    func idle() {
        var life = Self.life { $0.idleMax = 100 }
        #expect(life.look(at: 0, .init(lastReceivedAt: 0, openStreams: 0, lastCallAt: 0)) == (.none, 100))
        #expect(life.look(at: 100, .init(lastReceivedAt: 90, openStreams: 1, lastCallAt: 0)) == (.none, 200))
        #expect(life.look(at: 200, .init(lastReceivedAt: 90, openStreams: 0, lastCallAt: 150)) == (.none, 250))
        #expect(life.look(at: 250, .init(lastReceivedAt: 90, openStreams: 0, lastCallAt: 150)) == (.leave("max_idle"), nil))
        #expect(life.look(at: 400, .init(lastReceivedAt: 90, openStreams: 0, lastCallAt: 150)) == (.none, nil), "only once")
    }

    @Test("at its age it leaves, and when the grace is over it ends with what runs")
    func age() {
        var life = Self.life {
            $0.ageMax = 1000
            $0.ageGrace = 50
        }
        let busy = ConnectionLife.Facts(lastReceivedAt: 0, openStreams: 3, lastCallAt: 0)
        #expect(life.look(at: 0, busy) == (.none, 1000))
        #expect(life.look(at: 1000, busy) == (.leave("max_age"), 1050))
        #expect(life.look(at: 1050, busy) == (.end("max_age_grace"), nil))
    }

    @Test("a silent peer is asked once, and given up when nothing comes; any byte is an answer")
    func keepalive() {
        func facts(_ received: UInt64) -> ConnectionLife.Facts { .init(lastReceivedAt: received, openStreams: 0, lastCallAt: 0) }
        var life = Self.life { $0.keepaliveTime = 60 }
        #expect(life.look(at: 0, facts(0)) == (.none, 60))
        #expect(life.look(at: 60, facts(30)) == (.none, 90))
        #expect(life.look(at: 90, facts(30)) == (.ping, 110))
        #expect(life.look(at: 110, facts(95)) == (.none, 155))
        #expect(life.look(at: 155, facts(95)) == (.ping, 175))
        #expect(life.look(at: 175, facts(95)) == (.abort("keepalive_timeout"), nil))
    }

    @Test("the age has its share of chance")
    func jitter() {
        var limits = ConnectionLimits()
        limits.ageMax = .seconds(100)
        #expect([-1, 0, 1].map { limits.life(random: $0).ageMax } == [90_000_000_000, 100_000_000_000, 110_000_000_000])
    }

    @Test("what does not move for long enough is stalled, and movement begins anew")
    func stalls() {
        var mark = StallWatch.Mark()
        #expect(mark.look(at: 0, 5) == 0)
        #expect(mark.look(at: 10, 5) == 10)
        #expect(mark.look(at: 20, 6) == 0)
        #expect(mark.look(at: 30, nil) == 0)
        #expect(mark.look(at: 40, 6) == 0)
        #expect(mark.look(at: 70, 6) == 30)
    }

    // MARK: Over sockets

    @Test("an idle connection is sent away, and the next call makes a new one")
    func idleConnection() async throws {
        try await Rig.run({ $0.connections.idleMax = .milliseconds(500) }) { rig in
            try await rig.expectEcho("x")
            try await eventually("the connection ends") { rig.server.statistics.connectionsNow == 0 }
            try await rig.expectEcho("y")
            // On a machine that is slow enough the second is idle before its call has come.
            #expect(rig.server.statistics.connections >= 2)
            #expect(rig.server.statistics.refusedPeers == 0)
            let peer = try await RawPeer.connected(to: rig.address)
            let frames = try await peer.frames()
            #expect(frames.map(\.summary).filter { $0.hasPrefix("GOAWAY") } == ["GOAWAY(0)", "GOAWAY(0 max_idle)"])
        }
    }

    @Test("a peer that does not answer our PING is given up, one that does is kept")
    func keepaliveOverSockets() async throws {
        try await Rig.run({
            $0.connections.keepaliveTime = .milliseconds(300)
            $0.connections.keepaliveTimeout = .seconds(1)
        }) { rig in
            try await rig.expectEcho("x")
            let peer = try await RawPeer.connected(to: rig.address)
            let frames = try await peer.frames()
            #expect(frames.map(\.summary).contains("PING"))
            try await rig.expectEcho("y")
            #expect(rig.server.statistics.connections == 2, "our client has answered all the while")
        }
    }

    @Test("a header block that does not come to its end ends the connection")
    func openHeaderBlock() async throws {
        try await Rig.run({ $0.connections.headerBlockTimeout = .milliseconds(100) }) { rig in
            let peer = try await RawPeer.connected(to: rig.address)
            try await peer.send(Frame.headers(1, Frame.request("/test.v1.Test/Echo"), endHeaders: false))
            #expect(try await peer.frames().last?.summary == "GOAWAY(11 header_block_timeout)")
            let refused = try await RawPeer.connected(to: rig.address)
            try await refused.send(
                Frame.headers(1, Frame.request() + [("X", "bad")], end: true) + Frame.headers(3, [(":method", "POST")], end: true))
            try await refused.send(Frame.headers(5, Frame.request("/test.v1.Test/Hang")) + Frame.data(5, [0, 0, 0, 0, 0]))
            await rig.service.started.reaches(1)
            #expect(await code { try await rig.hang(options: CallOptions(timeout: .milliseconds(300))) } == .deadlineExceeded)
            // On a busy machine that call may have ended before it was sent.
            try await eventually("the blocks that were refused are not waited for") { rig.server.statistics.callsNow == 1 }
            try await refused.close()
        }
    }

    @Test("a request message whose rest does not come is DEADLINE_EXCEEDED")
    func stalledMessage() async throws {
        try await Rig.run({ $0.connections.messageTimeout = .milliseconds(100) }) { rig in
            let peer = try await RawPeer.connected(to: rig.address)
            try await peer.send(Frame.headers(1, Frame.request("/test.v1.Test/Echo")) + Frame.data(1, [0, 0, 0, 1, 0, 42]))
            let frames = try await peer.frames { $0.last?.type == 3 }
            #expect(frames.suffix(2).map(\.summary) == ["HEADERS END", "RST_STREAM(0)"])
            #expect(rig.server.statistics.callsNow == 0)
            try await peer.close()
        }
    }

    @Test("a response that its client does not take is cut off, and the connection goes on")
    func stalledResponse() async throws {
        try await Rig.run({ $0.connections.streamStallTimeout = .milliseconds(100) }) { rig in
            // SETTINGS_INITIAL_WINDOW_SIZE 0: nothing may be sent on a stream.
            let peer = try await RawPeer.connected(to: rig.address, settings: [(4, 0)])
            try await peer.send(
                Frame.headers(1, Frame.request("/test.v1.Test/Echo")) + Frame.data(1, [0, 0, 0, 0, 1, 42], end: true)
                    + Frame.headers(3, Frame.request("/test.v1.Test/Flood")) + Frame.data(3, [0, 0, 0, 0, 0], end: true))
            let frames = try await peer.frames { frames in frames.filter { $0.type == 3 }.count == 2 }
            #expect(frames.filter { $0.type == 3 }.map(\.summary) == ["RST_STREAM(8)", "RST_STREAM(8)"])
            await rig.service.cancelled.reaches(1)
            #expect(rig.server.statistics.bufferedBytesNow == 0)
            try await peer.close()
        }
    }

    // MARK: How many

    @Test("at the limit of connections the next one waits until another ends")
    func connectionLimit() async throws {
        try await Rig.run({ $0.connections.connectionsMax = 1 }) { rig in
            var peers: [RawPeer] = []
            // A read may let in three more than the limit.
            for _ in 0..<12 { peers.append(try await RawPeer.connected(to: rig.address)) }
            try await eventually("the server has let some in") { rig.server.statistics.connectionsNow > 0 }
            #expect(rig.server.statistics.connectionsNow <= 4)
            let call = Task { try await rig.expectEcho("x") }
            for peer in peers { try await peer.close() }
            try await call.value
        }
    }

    @Test("one address may not have more than its share")
    func addressLimit() async throws {
        try await Rig.run({ $0.connections.connectionsPerAddressMax = 1 }) { rig in
            try await rig.expectEcho("x")
            let second = try await RawPeer(rig.address)
            #expect(try await second.frames().isEmpty)
            try await rig.expectEcho("y")
            #expect(rig.server.statistics.connections == 1)
        }
    }
}

private func == (left: (ConnectionLife.Verdict, next: UInt64?), right: (ConnectionLife.Verdict, UInt64?)) -> Bool {
    left.0 == right.0 && left.next == right.1
}
