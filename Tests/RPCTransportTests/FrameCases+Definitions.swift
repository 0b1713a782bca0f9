import HTTP2Frames

// The definitions of the frames: h2spec's `http2/6.1` to `http2/6.10`.
extension FrameCase {
    static let definitions: [FrameCase] = carriers + settingsFrames + control + windows + continuations

    private static let carriers = [
        FrameCase("http2/6.1/1", "DATA on the connection", .connectionError([protocolError]), call(1) + Frame.data(0, [1])),
        FrameCase("http2/6.1/2", "DATA on a stream that is not open", .streamError(1, [streamClosed]), ask(1) + Frame.data(1, [1])),
        FrameCase(
            "http2/6.1/3", "DATA with more padding than payload", .connectionError([protocolError]),
            call(1) + Frame.raw(type: 0, flags: 9, stream: 1, [5, 1])),
        FrameCase("http2/6.2/1", "PRIORITY before the end of a header block", .connectionError([protocolError]), open(1) + priority(1)),
        FrameCase("http2/6.2/2", "HEADERS before the end of a header block", .connectionError([protocolError]), open(1) + ask(3)),
        FrameCase("http2/6.2/3", "HEADERS on the connection", .connectionError([protocolError]), Frame.headers(0, get, end: true)),
        FrameCase(
            "http2/6.2/4", "HEADERS with more padding than payload", .connectionError([protocolError]),
            Frame.raw(type: 1, flags: 13, stream: 1, [9, 0x82])),
        FrameCase("http2/6.3/1", "PRIORITY on the connection", .connectionError([protocolError]), priority(0)),
        FrameCase(
            "http2/6.3/2", "PRIORITY of a wrong length", .streamError(1, [frameSizeError]), Frame.raw(type: 2, stream: 1, [0, 0, 0, 0])),
        FrameCase("http2/6.4/1", "RST_STREAM on the connection", .connectionError([protocolError]), Frame.reset(0, 8)),
        FrameCase("http2/6.4/2", "RST_STREAM on an idle stream", .connectionError([protocolError]), Frame.reset(1, 8)),
        FrameCase(
            "http2/6.4/3", "RST_STREAM of a wrong length", .connectionError([frameSizeError]),
            call(1) + Frame.raw(type: 3, stream: 1, [0, 0, 0])),
    ]

    private static let settingsFrames = [
        FrameCase(
            "http2/6.5/1", "an acknowledgement with a payload", .connectionError([frameSizeError]),
            Frame.raw(type: 4, flags: 1, [0, 0, 0, 0, 0, 0])),
        FrameCase("http2/6.5/2", "SETTINGS on a stream", .connectionError([protocolError]), Frame.raw(type: 4, stream: 1)),
        FrameCase("http2/6.5/3", "SETTINGS of a wrong length", .connectionError([frameSizeError]), Frame.raw(type: 4, [0, 3, 0])),
        FrameCase("http2/6.5.2/1", "ENABLE_PUSH that is neither 0 nor 1", .connectionError([protocolError]), Frame.settings([(2, 2)])),
        FrameCase(
            "http2/6.5.2/2", "INITIAL_WINDOW_SIZE beyond 2^31-1", .connectionError([flowControlError]), Frame.settings([(4, 0x8000_0000)])),
        FrameCase("http2/6.5.2/3", "MAX_FRAME_SIZE below 2^14", .connectionError([protocolError]), Frame.settings([(5, 16_383)])),
        FrameCase("http2/6.5.2/4", "MAX_FRAME_SIZE beyond 2^24-1", .connectionError([protocolError]), Frame.settings([(5, 1 << 24)])),
        FrameCase("http2/6.5.2/5", "an unknown setting is ignored", .pingAcknowledgement, Frame.settings([(0xFF, 1)]) + Frame.ping()),
        FrameCase("http2/6.5.3/1", "of the same setting twice the last counts", .data(1), Frame.settings([(4, 100), (4, 1)]) + ask(1)),
        FrameCase("http2/6.5.3/2", "SETTINGS are acknowledged", .settingsAcknowledgement, Frame.settings()),
    ]

    private static let control = [
        FrameCase("http2/6.7/1", "PING is answered", .pingAcknowledgement, Frame.ping()),
        FrameCase(
            "http2/6.7/2", "an acknowledgement is not", .pingAcknowledgement,
            Frame.raw(type: 6, flags: 1, [9, 9, 9, 9, 9, 9, 9, 9]) + Frame.ping()),
        FrameCase(
            "http2/6.7/3", "PING on a stream", .connectionError([protocolError]), Frame.raw(type: 6, stream: 1, [1, 2, 3, 4, 5, 6, 7, 8])),
        FrameCase("http2/6.7/4", "PING of a wrong length", .connectionError([frameSizeError]), Frame.raw(type: 6, [1, 2, 3, 4, 5, 6])),
        FrameCase(
            "http2/6.8/1", "GOAWAY on a stream", .connectionError([protocolError]),
            Frame.raw(type: 7, stream: 1, Frame.big(0) + Frame.big(0))),
    ]

    private static let windows = [
        FrameCase("http2/6.9/1", "WINDOW_UPDATE of 0", .connectionError([protocolError]), Frame.windowUpdate(0, 0)),
        FrameCase("http2/6.9/2", "WINDOW_UPDATE of 0 on a stream", .streamError(1, [protocolError]), call(1) + Frame.windowUpdate(1, 0)),
        FrameCase("http2/6.9/3", "WINDOW_UPDATE of a wrong length", .connectionError([frameSizeError]), Frame.raw(type: 8, [0, 0, 1])),
        FrameCase("http2/6.9.1/1", "no more than the window is sent", .data(1), settings: [(4, 1)], ask(1)),
        FrameCase(
            "http2/6.9.1/2", "a connection's window beyond 2^31-1", .connectionError([flowControlError]),
            Frame.windowUpdate(0, 0x7FFF_FFFF) + Frame.windowUpdate(0, 0x7FFF_FFFF)),
        FrameCase(
            "http2/6.9.1/3", "a stream's window beyond 2^31-1", .streamError(1, [flowControlError]),
            call(1) + Frame.windowUpdate(1, 0x7FFF_FFFF) + Frame.windowUpdate(1, 0x7FFF_FFFF)),
        FrameCase("http2/6.9.2/1", "a window that is opened later", .data(1), settings: [(4, 0)], ask(1) + Frame.settings([(4, 1)])),
        FrameCase(
            "http2/6.9.2/2", "a window that was negative in between", .data(1), settings: [(4, 3)],
            Frame.headers(1, Frame.request("/test.v1.Test/Echo")) + Frame.settings([(4, 0)]) + Frame.windowUpdate(1, 1)
                + Frame.data(1, message, end: true)),
        FrameCase(
            "http2/6.9.2/3", "an INITIAL_WINDOW_SIZE beyond 2^31-1", .connectionError([flowControlError]),
            Frame.settings([(4, 0x8000_0000)])),
    ]

    private static let continuations = [
        FrameCase("http2/6.10/1", "several CONTINUATIONs", .response(1), parts(get, 3)),
        FrameCase("http2/6.10/2", "another frame between CONTINUATIONs", .connectionError([protocolError]), open(1) + Frame.data(1, [1])),
        FrameCase(
            "http2/6.10/3", "CONTINUATION on the connection", .connectionError([protocolError]),
            open(1) + Frame.continuation(0, endHeaders: true)),
        FrameCase(
            "http2/6.10/4", "CONTINUATION after the block's end in HEADERS", .connectionError([protocolError, streamClosed]),
            call(1) + Frame.continuation(1, endHeaders: true)),
        FrameCase(
            "http2/6.10/5", "CONTINUATION after the block's end in CONTINUATION", .connectionError([protocolError, streamClosed]),
            Frame.headers(1, call, endHeaders: false) + Frame.continuation(1, endHeaders: true) + Frame.continuation(1, endHeaders: true)),
        FrameCase(
            "http2/6.10/6", "CONTINUATION after DATA", .connectionError([protocolError, streamClosed]),
            call(1) + Frame.data(1, message) + Frame.continuation(1, endHeaders: true)),
    ]
}
