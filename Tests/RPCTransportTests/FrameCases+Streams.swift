import HTTP2Frames

// Frames and the states of streams: h2spec's `http2/3.5` to `http2/5.5`.
extension FrameCase {
    static let streams: [FrameCase] = format + states + identifiers

    private static let format = [
        FrameCase("http2/3.5/1", "the preface is answered with SETTINGS", .settingsAcknowledgement, []),
        FrameCase(
            "http2/3.5/2", "a wrong preface ends the connection", .closed, hasHandshake: false,
            Array("INVALID CONNECTION PREFACE\r\n\r\n".utf8)),
        FrameCase("http2/4.1/1", "a frame of an unknown type is ignored", .pingAcknowledgement, Frame.raw(type: 0xFF, [1]) + Frame.ping()),
        FrameCase(
            "http2/4.1/2", "unknown flags are ignored", .pingAcknowledgement, Frame.raw(type: 6, flags: 0xFE, [1, 2, 3, 4, 5, 6, 7, 8])),
        FrameCase(
            "http2/4.1/3", "the reserved bit is ignored", .pingAcknowledgement,
            Frame.raw(type: 6, stream: 0x8000_0000, [1, 2, 3, 4, 5, 6, 7, 8])),
        FrameCase("http2/4.2/1", "DATA of 2^14 bytes is taken", .response(1), call(1) + whole + end(1)),
        FrameCase(
            "http2/4.2/2", "a larger one is not", .streamError(1, [frameSizeError]),
            call(1) + Frame.data(1, [UInt8](repeating: 0, count: 16_385))),
        FrameCase("http2/4.2/3", "nor are larger HEADERS", .connectionError([frameSizeError]), block([UInt8](repeating: 0, count: 16_385))),
        FrameCase(
            "http2/4.3/1", "a header block that is no HPACK", .connectionError([compressionError]),
            block([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])),
        FrameCase("http2/4.3/2", "PRIORITY within a header block", .connectionError([protocolError]), open(1) + priority(1)),
        FrameCase("http2/4.3/3", "HEADERS of another stream within a header block", .connectionError([protocolError]), open(1) + ask(3)),
    ]

    /// A message that fills a DATA frame.
    private static let whole = Frame.data(1, [0, 0, 0, 0x3F, 0xFB] + [UInt8](repeating: 7, count: 16_379))
    /// A header block without its end.
    static func open(_ stream: UInt32) -> [UInt8] { Frame.headers(stream, get, end: true, endHeaders: false) }

    private static let states = [
        FrameCase("http2/5.1/1", "idle: DATA", .connectionError([protocolError]), Frame.data(1, [1])),
        FrameCase("http2/5.1/2", "idle: RST_STREAM", .connectionError([protocolError]), Frame.reset(1, 8)),
        FrameCase("http2/5.1/3", "idle: WINDOW_UPDATE", .connectionError([protocolError]), Frame.windowUpdate(1, 100)),
        FrameCase("http2/5.1/4", "idle: CONTINUATION", .connectionError([protocolError]), Frame.continuation(1, get, endHeaders: true)),
        FrameCase("http2/5.1/5", "half closed: DATA", .streamError(1, [streamClosed]), ended + Frame.data(1, [1])),
        FrameCase("http2/5.1/6", "half closed: HEADERS", .streamError(1, [streamClosed]), ended + ask(1)),
        FrameCase(
            "http2/5.1/7", "half closed: CONTINUATION", .connectionError([streamClosed, protocolError]),
            ended + Frame.continuation(1, get, endHeaders: true)),
        FrameCase("http2/5.1/8", "closed by RST_STREAM: DATA", .streamError(1, [streamClosed]), reset + Frame.data(1, [1])),
        FrameCase("http2/5.1/9", "closed by RST_STREAM: HEADERS", .streamError(1, [streamClosed]), reset + ask(1)),
        FrameCase(
            "http2/5.1/10", "closed by RST_STREAM: CONTINUATION", .connectionError([streamClosed, protocolError]),
            reset + Frame.continuation(1, get, endHeaders: true)),
        FrameCase("http2/5.1/11", "closed: DATA", .streamError(1, [streamClosed]), ask(1), afterAnswer: Frame.data(1, [1])),
        FrameCase("http2/5.1/12", "closed: HEADERS", .connectionError([streamClosed]), ask(1), afterAnswer: ask(1)),
        FrameCase(
            "http2/5.1/13", "closed: CONTINUATION", .connectionError([streamClosed, protocolError]),
            ask(1), afterAnswer: Frame.continuation(1, get, endHeaders: true)),
    ]

    /// A call whose requests have ended and whose handler hangs.
    private static let ended =
        Frame.headers(1, Frame.request("/test.v1.Test/Hang")) + Frame.data(1, [0, 0, 0, 0, 0], end: true)
    private static let reset = call(1) + Frame.reset(1, 8)

    private static let identifiers = [
        FrameCase("http2/5.1.1/1", "an even stream", .connectionError([protocolError]), ask(2)),
        FrameCase("http2/5.1.1/2", "a stream below an earlier one", .connectionError([protocolError]), ask(5) + ask(3)),
        FrameCase(
            "http2/5.1.2/1", "more streams than are allowed", .streamError(2001, [protocolError, refusedStream]),
            (0...1000).flatMap { call(UInt32(2 * $0 + 1)) }),
        FrameCase(
            "http2/5.3.1/1", "HEADERS that depend on themselves", .streamError(1, [protocolError]),
            Frame.raw(type: 1, flags: 0x25, stream: 1, Frame.big(1) + [255] + Frame.block(get))),
        FrameCase("http2/5.3.1/2", "PRIORITY that depends on itself", .streamError(1, [protocolError]), priority(1, dependsOn: 1)),
        FrameCase("http2/5.4.1/1", "a broken PING closes the connection", .closed, Frame.raw(type: 6, [0])),
        FrameCase("http2/5.4.1/2", "and says why", .connectionError([frameSizeError]), Frame.raw(type: 6, [0])),
        FrameCase(
            "http2/5.5/1", "an extension's frame is ignored", .pingAcknowledgement, Frame.raw(type: 0x16, stream: 1, [1]) + Frame.ping()),
        FrameCase(
            "http2/5.5/2", "but not within a header block", .connectionError([protocolError]),
            open(1) + Frame.raw(type: 0x16, stream: 1, [1])),
    ]
}
