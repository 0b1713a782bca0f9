import HTTP2Frames
import HTTP2Session
import Testing

/// Blocks that come in pieces, while the blocks before them are read and dropped.
@Suite("Header blocks")
struct HeaderBlockTests {
    static let first = Frame.request("/first") + [("a", "1")]
    static let second = Frame.request("/second") + [("b", "2"), ("c", "3")]

    /// What a driver sees that reads events and drops blocks after every piece.
    private static func blocks(_ server: HTTP2Session, of pieces: [[UInt8]]) throws -> [[String]] {
        var blocks: [[String]] = []
        for piece in pieces {
            try server.feed(piece)
            _ = server.output()
            for case .headers(_, let block, _) in server.events() {
                #expect(!block.isTruncated)
                blocks.append(server.fields(of: block))
            }
            server.dropHeaders()
        }
        return blocks
    }

    private static func text(_ fields: [(String, String)]) -> [String] { fields.map { "\($0.0)=\($0.1)" } }

    @Test("no field is lost, wherever the bytes of two requests are cut", arguments: [false, true])
    func cutAnywhere(isContinued: Bool) throws {
        let second =
            isContinued
            ? Frame.headers(3, Array(Self.second.prefix(3)), end: true, endHeaders: false)
                + Frame.continuation(3, Array(Self.second.dropFirst(3)), endHeaders: true)
            : Frame.headers(3, Self.second, end: true)
        let bytes = Frame.headers(1, Self.first, end: true) + second
        for cut in 0...bytes.count {
            let pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
            #expect(try Self.blocks(.server(), of: pieces) == [Self.text(Self.first), Self.text(Self.second)], "cut at \(cut)")
        }
        // nghttp2 counts every piece of a CONTINUATION's head against the limit of such frames.
        guard !isContinued else { return }
        #expect(try Self.blocks(.server(), of: bytes.map { [$0] }) == [Self.text(Self.first), Self.text(Self.second)], "byte by byte")
    }

    @Test("a block that is cut behind many whole ones is whole")
    func cutBehindMany() throws {
        let many = (0..<100).flatMap { Frame.headers(UInt32(1 + 2 * $0), Self.first, end: true) }
        let last = Frame.headers(201, Self.second, end: true)
        for cut in 0...last.count {
            let blocks = try Self.blocks(.server(), of: [many + last[..<cut], Array(last[cut...])])
            #expect(blocks.count == 101 && blocks.last == Self.text(Self.second), "cut at \(cut)")
        }
    }

    @Test("a stream's end between the pieces of another's block takes nothing from it")
    func closedBetween() throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Self.first, end: true))
        let stream = try server.request()
        let bytes = Frame.headers(3, Self.second, end: true)
        try server.feed(Array(bytes.prefix(60)))
        server.submitResponse(stream, headers: HTTP2SessionTests.okHeaders, endStream: true)
        #expect(server.frames().map(\.summary) == ["HEADERS END"])
        guard case .closed(_, .noError)? = server.events().first else { throw HTTP2SessionError(reason: "no end") }
        server.dropHeaders()
        #expect(try Self.blocks(server, of: [Array(bytes.dropFirst(60))]) == [Self.text(Self.second)])
    }

    @Test(
        "a block that is refused in the middle leaves nothing in the next one",
        arguments: [("x", 300, 200), ("UPPER", 1, 1), ("connection", 1, 1)])
    func refusedBlock(_ name: String, _ count: Int, _ size: Int) throws {
        // In frames of the size that every peer takes.
        let block = Frame.block(Self.first + Array(repeating: (name, String(repeating: "v", count: size)), count: count) + [("after", "x")])
        var frames = [Frame.raw(type: 1, flags: block.count > 16_384 ? 1 : 5, stream: 1, Array(block.prefix(16_384)))]
        for start in stride(from: 16_384, to: block.count, by: 16_384) {
            let isLast = start + 16_384 >= block.count
            frames.append(Frame.raw(type: 9, flags: isLast ? 4 : 0, stream: 1, Array(block[start...].prefix(16_384))))
        }
        let bytes = frames.flatMap { $0 }
        let half = bytes.count / 2
        let pieces = [Array(bytes[..<half]), Array(bytes[half...]), Frame.headers(3, Self.second, end: true)]
        #expect(try Self.blocks(.server(), of: pieces) == [Self.text(Self.second)])
    }

    @Test(
        "what proves who calls stands in no compression table, neither the peer's nor a proxy's; other fields do",
        arguments: [
            ("authorization", true), ("proxy-authorization", true), ("cookie", true), ("set-cookie", true), ("x-request-id", false),
        ])
    func neverIndexed(name: String, isSecret: Bool) throws {
        let client = try HTTP2Session(role: .client, configuration: HTTP2SessionConfiguration())
        _ = client.output()
        try client.feed(Frame.settings() + Frame.settingsAcknowledgement)
        _ = client.output()
        let value = "Bearer 0123456789abcdef0123456789abcdef"
        let fields = Frame.request("/x").map { HeaderField($0.0, $0.1) } + [HeaderField(name, value)]
        let lengths = try (0..<2).map { _ in
            _ = try #require(client.submitRequest(headers: OutgoingHeaders(fields: fields)))
            return client.output().count
        }
        #expect((lengths[1] > 30) == isSecret, "\(lengths)")
    }
}
