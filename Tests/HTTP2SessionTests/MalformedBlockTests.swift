import HTTP2Frames
import HTTP2Session
import Testing

@Suite("Malformed header blocks")
struct MalformedBlockTests {
    private typealias Fields = [(String, String)]

    private static func with(_ name: String, _ value: String) -> Fields { Frame.request() + [(name, value)] }
    private static func without(_ name: String) -> Fields { Frame.request().filter { $0.0 != name } }
    private static func changed(_ name: String, _ value: String) -> Fields { Frame.request().map { $0.0 == name ? (name, value) : $0 } }

    private static let blocks: [(what: String, fields: [(String, String)])] = [
        ("an empty name", with("", "x")), ("a name in upper case", with("X-Test", "x")), ("a blank in a name", with("x test", "x")),
        ("a line end in a name", with("x\r\n", "x")), ("NUL in a value", with("x-test", "a\0b")),
        ("a line end in a value", with("x-test", "a\r\nb: c")), ("connection", with("connection", "close")),
        ("keep-alive", with("keep-alive", "timeout=5")), ("proxy-connection", with("proxy-connection", "close")),
        ("transfer-encoding", with("transfer-encoding", "chunked")), ("upgrade", with("upgrade", "h2c")),
        ("te that is not trailers", with("te", "gzip")), ("no :method", without(":method")), ("no :scheme", without(":scheme")),
        ("no :path", without(":path")), ("an empty :path", changed(":path", "")), ("a :path without its slash", changed(":path", "a.B/C")),
        (":method twice", with(":method", "POST")), (":status", [(":status", "200")] + Frame.request()),
        ("an unknown pseudo-field", [(":x", "y")] + Frame.request()),
        ("a pseudo-field after others", [("x", "y")] + Frame.request()),
        ("a content-length that is no number", with("content-length", "x")),
        ("two different content-lengths", with("content-length", "1") + [("content-length", "2")]),
        ("neither :authority nor host", without(":authority")),
    ]

    @Test("reset their stream, and no request is heard of (CVE-2019-9516)", arguments: blocks.indices)
    func refused(_ index: Int) throws {
        let block = Self.blocks[index]
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, block.fields, end: true))
        let requests = server.events().filter { if case .headers = $0 { true } else { false } }
        #expect(requests.isEmpty, "\(block.what)")
        #expect(server.frames().map(\.summary) == ["RST_STREAM(1)"], "\(block.what)")
        #expect(server.openStreamCount == 0)
        try server.feed(Frame.headers(3, Frame.request(), end: true))
        #expect(try server.request().id == 3)
    }
}
