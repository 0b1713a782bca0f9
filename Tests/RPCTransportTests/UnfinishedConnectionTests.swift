import HTTP2Frames
import NIOCore
import RPCTransport
import TestSupport
import Testing

@Suite("Connections that never get going")
struct UnfinishedConnectionTests {
    private static let cases: [(what: String, bytes: [UInt8], reason: String)] = [
        ("silence", [], "handshake_timeout"), ("a part of the preface", Array(Frame.preface.prefix(10)), "handshake_timeout"),
        ("the preface alone", Frame.preface, "handshake_timeout"),
        ("a part of SETTINGS", Frame.preface + Frame.settings([(4, 1)]).prefix(11), "handshake_timeout"),
        ("HTTP/1.1", Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8), "bad_preface"),
        ("an upgrade", Array("GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n".utf8), "bad_preface"),
        ("TLS", [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3] + [UInt8](repeating: 7, count: 40), "bad_preface"),
        ("a PING first", Frame.preface + Frame.ping(), "protocol_error"),
    ]

    @Test("are ended in time, and counted by what was wrong", arguments: cases.indices)
    func ended(_ index: Int) async throws {
        let (what, bytes, reason) = Self.cases[index]
        try await Rig.run({ if reason == "handshake_timeout" { $0.handshakeTimeout = .milliseconds(200) } }) { rig in
            let peer = try await RawPeer(rig.address)
            // On a slow machine the time may be over before.
            do { try await peer.send(bytes) } catch is ChannelError {}
            // Returns when the server has closed the connection.
            #expect(try await peer.frames().allSatisfy { [4, 7, 8].contains($0.type) })
            try await eventually("it is counted") { rig.server.statistics.refusedPeers == 1 }
            let counted = rig.server.statistics.endings.filter { $0.value > 0 }
            #expect(counted == [reason: 1], "\(what)")
        }
    }
}
