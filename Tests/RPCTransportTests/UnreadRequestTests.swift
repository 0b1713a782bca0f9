import HTTP2Frames
import RPCTransport
import Testing

@testable import HTTP2Session

@Suite("Requests that are HTTP and no gRPC")
struct UnreadRequestTests {
    private static let post = [(":method", "POST"), (":scheme", "http"), (":path", "/livez"), (":authority", "h")]
    /// Comes after the answers to all that was sent before it.
    private static let ping = Frame.ping()

    private static func isPong(_ frame: SentFrame) -> Bool { frame.type == 6 && frame.flags & 1 != 0 }
    private static func isAnswer(_ frame: SentFrame) -> Bool { frame.type == 1 && frame.stream == 1 && frame.flags & 1 != 0 }
    private static func isReset(_ frame: SentFrame) -> Bool { frame.type == 3 && frame.stream == 1 }

    @Test(
        "one is refused at its end, and not asked to stop",
        arguments: [
            Frame.data(1, [1, 2, 3], end: true), Frame.data(1, [1]) + Frame.data(1, [], end: true),
            Frame.headers(1, [("a", "b")], end: true),
        ])
    func atItsEnd(end: [UInt8]) async throws {
        try await Rig.run({ $0.shutdownGrace = .milliseconds(100) }) { rig in
            let peer = try await RawPeer.connected(to: rig.address)
            try await peer.send(Frame.headers(1, Self.post) + Self.ping)
            let before = try await peer.frames { $0.contains(where: Self.isPong) }
            #expect(!before.contains(where: Self.isAnswer), "it has not ended")
            try await peer.send(end + Self.ping)
            let after = try await peer.frames { $0.contains(where: Self.isPong) }
            #expect(after.contains(where: Self.isAnswer) && !after.contains(where: Self.isReset), "\(after.map(\.summary))")
            try await peer.close()
        }
    }

    @Test(
        "one that does not end, or has a long body, is refused before its end, and asked to stop",
        arguments: [[], [UInt8](repeating: 1, count: 16_384)])
    func unending(body: [UInt8]) async throws {
        try await Rig.run({ $0.shutdownGrace = .milliseconds(100) }) { rig in
            let peer = try await RawPeer.connected(to: rig.address)
            try await peer.send(Frame.headers(1, Self.post))
            // The fifth goes beyond the connection's window, were nothing given back.
            for _ in 0..<5 where !body.isEmpty { try await peer.send(Frame.data(1, body)) }
            let frames = try await peer.frames { $0.contains(where: Self.isReset) }
            #expect(frames.contains(where: Self.isAnswer), "\(frames.map(\.summary))")
            #expect(frames.last?.payload == Frame.big(HTTP2ErrorCode.noError.rawValue))
            try await peer.close()
        }
    }

    @Test("one that breaks a rule before its end is not refused but reset")
    func broken() async throws {
        try await Rig.run({ $0.shutdownGrace = .milliseconds(100) }) { rig in
            let peer = try await RawPeer.connected(to: rig.address)
            try await peer.send(Frame.headers(1, Self.post) + Self.ping)
            _ = try await peer.frames { $0.contains(where: Self.isPong) }
            try await peer.send(Frame.data(1, [1]) + Frame.headers(1, [("x", "y")]))
            let frames = try await peer.frames { $0.contains(where: Self.isReset) }
            #expect(frames.last?.payload == Frame.big(HTTP2ErrorCode.protocolError.rawValue), "\(frames.map(\.summary))")
            try await peer.close()
        }
    }

    @Test("padding beyond the payload ends the connection, also on a stream that has been answered to the end", arguments: [1, 3])
    func padding(stream: UInt32) async throws {
        try await Rig.run({ $0.shutdownGrace = .milliseconds(100) }) { rig in
            let peer = try await RawPeer.connected(to: rig.address)
            try await peer.send(Frame.headers(1, FrameCase.get) + Frame.headers(3, FrameCase.call) + Self.ping)
            _ = try await peer.frames { $0.contains(where: Self.isPong) }
            try await peer.send(Frame.raw(type: 0, flags: 8, stream: stream, [6, 1, 2, 3, 4]))
            let frames = try await peer.frames { $0.contains { $0.type == 7 } }
            #expect(frames.last.map { Array($0.payload[4..<8]) } == Frame.big(HTTP2ErrorCode.protocolError.rawValue))
            try? await peer.close()
        }
    }
}
