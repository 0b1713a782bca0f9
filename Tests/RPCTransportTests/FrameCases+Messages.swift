import HTTP2Frames

// Error codes, HTTP's messages and HPACK: h2spec's `http2/7` to `http2/8.2`, and `hpack`.
extension FrameCase {
    static let messages: [FrameCase] = codes + fields + pseudoFields + lengths + compression

    private static let codes = [
        FrameCase("http2/7/1", "GOAWAY with an unknown code is no fault", .closed, Frame.raw(type: 7, Frame.big(0) + Frame.big(0xFF))),
        FrameCase("http2/7/2", "nor is such a RST_STREAM", .pingAcknowledgement, call(1) + Frame.reset(1, 0xFF) + Frame.ping()),
    ]

    private static let fields = [
        FrameCase(
            "http2/8.1/1", "second HEADERS that do not end the stream", .streamError(1, [protocolError]),
            call(1) + Frame.headers(1, [("x", "y")])),
        FrameCase("http2/8.1.2/1", "a name in upper case", .streamError(1, [protocolError]), withFields(("X-Test", "ok"))),
        FrameCase(
            "http2/8.1.2.1/1", "an unknown pseudo-field", .streamError(1, [protocolError]),
            Frame.headers(1, [(":test", "ok")] + call, end: true)),
        FrameCase(
            "http2/8.1.2.1/2", "a pseudo-field of responses", .streamError(1, [protocolError]),
            Frame.headers(1, [(":status", "200")] + call, end: true)),
        FrameCase(
            "http2/8.1.2.1/3", "a pseudo-field in trailers", .streamError(1, [protocolError]),
            call(1) + Frame.headers(1, [(":method", "POST")], end: true)),
        FrameCase(
            "http2/8.1.2.1/4", "a pseudo-field after others", .streamError(1, [protocolError]),
            Frame.headers(1, Array(call.dropFirst()) + [(":method", "POST")], end: true)),
        FrameCase(
            "http2/8.1.2.2/1", "a field of the connection", .streamError(1, [protocolError]), withFields(("connection", "keep-alive"))),
        FrameCase(
            "http2/8.1.2.2/2", "te that is not trailers", .streamError(1, [protocolError]),
            Frame.headers(1, call.dropLast() + [("te", "trailers, deflate")], end: true)),
    ]

    private static let pseudoFields: [FrameCase] = {
        func without(_ name: String) -> [UInt8] { Frame.headers(1, call.filter { $0.0 != name }, end: true) }
        func twice(_ name: String) -> [UInt8] { Frame.headers(1, call.filter { $0.0 == name } + call, end: true) }
        let emptyPath = Frame.headers(1, call.map { $0.0 == ":path" ? (":path", "") : $0 }, end: true)
        return [
            ("an empty :path", emptyPath), ("no :method", without(":method")), ("no :scheme", without(":scheme")),
            ("no :path", without(":path")),
            (":method twice", twice(":method")), (":scheme twice", twice(":scheme")), (":path twice", twice(":path")),
        ].enumerated().map { FrameCase("http2/8.1.2.3/\($0 + 1)", $1.0, .streamError(1, [protocolError]), $1.1) }
    }()

    private static let lengths = [
        FrameCase(
            "http2/8.1.2.6/1", "a content-length that the DATA does not have", .streamError(1, [protocolError]),
            Frame.headers(1, call + [("content-length", "1")]) + Frame.data(1, message, end: true)),
        FrameCase(
            "http2/8.1.2.6/2", "nor several DATA together", .streamError(1, [protocolError]),
            Frame.headers(1, call + [("content-length", "10")]) + Frame.data(1, message) + Frame.data(1, message, end: true)),
        FrameCase(
            "http2/8.2/1", "PUSH_PROMISE of a client", .connectionError([protocolError]),
            call(1) + Frame.raw(type: 5, flags: 4, stream: 1, Frame.big(3) + Frame.block(get))),
    ]

    private static let compression: [FrameCase] = {
        let request = Frame.block(get)
        let blocks: [(String, String, [UInt8])] = [
            ("hpack/2.3.3/1", "an index beyond the tables", request + [0xC6]),
            ("hpack/2.3.3/2", "a literal with an index beyond the tables", request + [0x7F, 0x0A, 1, 0x61]),
            ("hpack/4.2/1", "a change of the table's size at the block's end", request + [0x20]),
            ("hpack/5.2/1", "Huffman's padding longer than seven bits", request + [0x40, 1, 0x78, 0x82, 0x1F, 0xFF]),
            ("hpack/5.2/2", "Huffman's padding of zeros", request + [0x40, 1, 0x78, 0x81, 0x18]),
            ("hpack/5.2/3", "the end symbol within a Huffman string", request + [0x40, 1, 0x78, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]),
            ("hpack/6.1/1", "the index 0", request + [0x80]),
            ("hpack/6.3/1", "a table larger than was agreed", [0x3F, 0xE2, 0x1F] + request),
        ]
        return blocks.map { FrameCase($0.0, $0.1, .connectionError([compressionError]), block($0.2)) }
    }()
}
