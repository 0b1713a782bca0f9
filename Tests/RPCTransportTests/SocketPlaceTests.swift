import RPCCore
import Testing

@testable import RPCTransport

@Suite("Addresses as bytes")
struct SocketPlaceTests {
    @Test(
        "are those of the text",
        arguments: [
            ("127.0.0.1", [127, 0, 0, 1]), ("::", Array(repeating: 0, count: 16)), ("::1", Array(repeating: 0, count: 15) + [1]),
            ("fe80::1:2", [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2]),
            ("fe80::1%eth0", [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ("::ffff:10.0.0.7", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 7]),
            ("1:2:3:4:5:6:7:8", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
        ] as [(String, [UInt8])])
    func bytes(_ text: String, _ bytes: [UInt8]) { #expect(SocketPlace.bytes(ofIP: text) == bytes) }

    @Test(
        "are not made of other texts", arguments: ["", "localhost", "1.2.3", "1.2.3.400", "1:2:3", "1::2::3", "1:2:3:4:5:6:7:8:9", "g::"])
    func noAddress(_ text: String) { #expect(SocketPlace.bytes(ofIP: text) == nil) }
}
