import HTTP2Frames
import HTTP2Session
import Testing

@Suite("Sessions")
struct HTTP2SessionTests {
    static let okHeaders = OutgoingHeaders(constant: ConstantHeaders([(":status", "200"), ("content-type", "application/grpc")]))
    static let okTrailers = OutgoingHeaders(constant: ConstantHeaders([("grpc-status", "0")]))

    static func requestHeaders() -> OutgoingHeaders {
        OutgoingHeaders(fields: Frame.request().map { HeaderField($0.0, $0.1) })
    }

    @Test("a call goes there and back")
    func call() throws {
        let pair = try Pair()
        _ = pair.server.events()
        let out = try #require(pair.client.submitRequest(headers: Self.requestHeaders()))
        pair.client.enqueue([1, 2, 3], on: out)
        pair.client.finish(out)
        let request = try pair.exchange().toServer
        let events = pair.server.events()
        guard case .headers(let stream, let block, false) = events[0], case .data(_, let range, endStream: true) = events[1] else {
            Issue.record("\(events)")
            return
        }
        #expect(pair.server.fields(of: block) == Frame.request().map { "\($0.0)=\($0.1)" })
        #expect(request[range] == [1, 2, 3])
        pair.server.submitResponse(stream, headers: Self.okHeaders, endStream: false)
        pair.server.enqueue([4, 5], on: stream)
        pair.server.finish(stream, trailers: OutgoingHeaders(constant: Self.okTrailers.constant, fields: [HeaderField("x", "y")]))
        _ = pair.client.events()
        let response = try pair.exchange().toClient
        let back = pair.client.events()
        guard case .headers(_, let head, false) = back[0], case .data(_, let answer, endStream: false) = back[1],
            case .headers(_, let tail, true) = back[2],
            case .closed(_, .noError) = back[3]
        else {
            Issue.record("\(back)")
            return
        }
        #expect(response[answer] == [4, 5])
        #expect(pair.client.fields(of: head) == [":status=200", "content-type=application/grpc"])
        #expect(pair.client.fields(of: tail) == ["grpc-status=0", "x=y"])
        #expect(pair.client.openStreamCount == 0 && pair.server.openStreamCount == 0)
    }

    @Test("a response is HEADERS, DATA, HEADERS, whenever its parts are given", arguments: [false, true])
    func responseFrames(drainsBetween: Bool) throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request(), end: true))
        let stream = try server.request()
        var frames: [SentFrame] = []
        func step(_ body: () -> Void) {
            body()
            if drainsBetween { frames += server.frames() }
        }
        step { server.submitResponse(stream, headers: Self.okHeaders, endStream: false) }
        step { server.enqueue([1, 2, 3], on: stream) }
        step { server.enqueue([4], on: stream) }
        step { server.finish(stream, trailers: Self.okTrailers) }
        frames += server.frames()
        let expected = drainsBetween ? ["HEADERS", "DATA(3)", "DATA(1)", "HEADERS END"] : ["HEADERS", "DATA(4)", "HEADERS END"]
        #expect(frames.map(\.summary) == expected, "no empty DATA, and no END_STREAM on DATA")
        #expect(stream.isOpen == false)
    }

    @Test("a response that ends before its request is followed by RST_STREAM(NO_ERROR), and only then", arguments: [false, true])
    func earlyEnd(requestHasEnded: Bool) throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request(), end: requestHasEnded))
        let stream = try server.request()
        server.submitResponse(stream, headers: Self.okHeaders, endStream: false)
        server.enqueue([1], on: stream)
        server.finish(stream, trailers: Self.okTrailers)
        let expected = ["HEADERS", "DATA(1)", "HEADERS END"] + (requestHasEnded ? [] : ["RST_STREAM(0)"])
        #expect(server.frames().map(\.summary) == expected)
        #expect(!stream.isOpen)
    }

    @Test(
        "a message of any size comes out as it went in, through a buffer of any size", arguments: [0, 1, 16_384, 65_536, 1_000_000],
        [40_000, 65_536])
    func sizes(_ count: Int, _ bufferSize: Int) throws {
        var configuration = HTTP2SessionConfiguration()
        configuration.streamWindow = 2 << 20
        let pair = try Pair(client: configuration)
        _ = pair.server.events()
        let out = try #require(pair.client.submitRequest(headers: Self.requestHeaders()))
        pair.client.finish(out)
        try pair.exchange()
        let stream = try pair.server.request()
        let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        pair.server.submitResponse(stream, headers: Self.okHeaders, endStream: false)
        pair.server.enqueue(message, on: stream)
        pair.server.finish(stream, trailers: Self.okTrailers)
        #expect(pair.server.bufferedBytes == count)
        _ = pair.client.events()
        let output = pair.server.output(size: bufferSize)
        try pair.client.feed(output)
        var received: [UInt8] = []
        for case .data(_, let range, _) in pair.client.events() { received += output[range] }
        #expect(received == message)
        #expect(pair.server.bufferedBytes == 0)
    }

    @Test("bytes of DATA are found in what was fed: of streams in turns, within padding, and of a frame that is cut", arguments: 0...58)
    func ranges(_ cut: Int) throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request()) + Frame.headers(3, Frame.request()))
        _ = server.events()
        let wire =
            Frame.data(1, [1, 2, 3]) + Frame.raw(type: 0, flags: 8, stream: 3, [2, 30, 31, 0, 0]) + Frame.data(1, [4, 5])
            + Frame.raw(type: 0, flags: 8, stream: 1, [0, 6]) + Frame.data(3, [32], end: true)
        let parts = [Array(wire.prefix(cut)), Array(wire.dropFirst(cut))]
        var received: [Int32: [UInt8]] = [:]
        for part in parts {
            try server.feed(part)
            for case .data(let stream, let range, _) in server.events() { received[stream.id, default: []] += part[range] }
        }
        #expect(received == [1: [1, 2, 3, 4, 5, 6], 3: [30, 31, 32]])
    }

    @Test("what the peer's window does not let through stays, and goes on when the peer has taken some")
    func window() throws {
        let pair = try Pair()
        _ = pair.server.events()
        let out = try #require(pair.client.submitRequest(headers: Self.requestHeaders()))
        pair.client.finish(out)
        try pair.exchange()
        let stream = try pair.server.request()
        pair.server.submitResponse(stream, headers: Self.okHeaders, endStream: false)
        pair.server.enqueue([UInt8](repeating: 0, count: 200_000), on: stream)
        try pair.exchange()
        #expect(stream.bufferedBytes == 200_000 - 65_535)
        #expect(!pair.server.wantsWrite)
        pair.client.consume(65_535, on: out)
        try pair.exchange()
        #expect(stream.bufferedBytes == 200_000 - 2 * 65_535)
    }

    @Test("a reset drops what is queued in the same turn")
    func resetDropsData() throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request(), end: true))
        let stream = try server.request()
        server.submitResponse(stream, headers: Self.okHeaders, endStream: false)
        _ = server.output()
        server.enqueue([UInt8](repeating: 0, count: 100_000), on: stream)
        try server.feed(Frame.reset(1, 8))
        #expect(server.frames().isEmpty)
        #expect(server.bufferedBytes == 0)
        guard case .closed(_, .cancel)? = server.events().first else { throw HTTP2SessionError(reason: "no end") }
    }

    @Test("our reset takes the place of data that waits")
    func ownReset() throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request(), end: true))
        let stream = try server.request()
        server.submitResponse(stream, headers: Self.okHeaders, endStream: false)
        server.enqueue([UInt8](repeating: 0, count: 100_000), on: stream)
        _ = server.output()
        server.reset(stream, .cancel)
        #expect(server.frames().map(\.summary) == ["RST_STREAM(8)"])
        #expect(server.bufferedBytes == 0)
    }

    @Test("a DATA frame that found no room goes out whole before our reset, and nothing after it", .timeLimit(.minutes(1)))
    func resetBehindFullOutput() throws {
        var configuration = HTTP2SessionConfiguration()
        configuration.streamWindow = 2 << 20
        let pair = try Pair(client: configuration)
        _ = pair.server.events()
        let out = try #require(pair.client.submitRequest(headers: Self.requestHeaders()))
        pair.client.finish(out)
        try pair.exchange()
        let stream = try pair.server.request()
        pair.server.submitResponse(stream, headers: Self.okHeaders, endStream: false)
        _ = pair.server.output()
        let message = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        pair.server.enqueue(message, on: stream)
        let before = pair.server.outputOnce(size: 40_000)
        #expect(SentFrame.parse(before).map(\.summary) == ["DATA(16384)", "DATA(16384)"])
        pair.server.reset(stream, .cancel)
        let after = SentFrame.parse(pair.server.output())
        #expect(after.map(\.summary) == ["DATA(16384)", "RST_STREAM(8)"])
        #expect(after[0].payload == Array(message[32_768..<49_152]))
        #expect(!stream.isOpen && pair.server.bufferedBytes == 0)
    }

    @Test("graceful shutdown is two GOAWAYs, and takes the streams in between")
    func shutdown() throws {
        let server = try HTTP2Session.server()
        server.submitShutdownNotice(ping: 42)
        let notice = server.frames()
        #expect(notice.map(\.summary) == ["GOAWAY(0)", "PING"])
        #expect(Array(notice[0].payload.prefix(4)) == [0x7F, 0xFF, 0xFF, 0xFF])
        try server.feed(Frame.headers(1, Frame.request(), end: true))
        let stream = try server.request()
        try server.feed(Frame.raw(type: 6, flags: 1, notice[1].payload))
        guard case .pingAcknowledged(42)? = server.events().first else { throw HTTP2SessionError(reason: "no answer") }
        server.submitGoAway(.noError, debugText: "bye")
        let final = server.frames()
        #expect(final.map(\.summary) == ["GOAWAY(0 bye)"])
        #expect(Array(final[0].payload.prefix(4)) == [0, 0, 0, 1])
        #expect(server.isAlive)
        server.submitResponse(stream, headers: Self.okHeaders, endStream: true)
        #expect(server.frames().map(\.summary) == ["HEADERS END"])
        #expect(!server.isAlive)
    }

    @Test("a client learns which of its streams were not taken, and why, in words that no terminal obeys")
    func goAway() throws {
        let pair = try Pair()
        _ = pair.client.events()
        pair.server.submitGoAway(.noError, debugText: "b\u{1B}ye")
        try pair.exchange()
        guard case .goAway(lastStream: 0, .noError, text: "b?ye")? = pair.client.events().first else {
            throw HTTP2SessionError(reason: "no GOAWAY")
        }
        #expect(pair.client.submitRequest(headers: Self.requestHeaders()) == nil)
    }

    @Test("a request that the GOAWAY overtakes is refused, not forgotten")
    func overtaken() throws {
        let pair = try Pair()
        _ = pair.client.events()
        pair.server.submitGoAway(.noError)
        let goAway = pair.server.output()
        let out = try #require(pair.client.submitRequest(headers: Self.requestHeaders()))
        try pair.client.feed(goAway)
        try pair.exchange()
        #expect(!out.isOpen)
        guard case .closed(_, .refusedStream)? = pair.client.events().last else { throw HTTP2SessionError(reason: "not refused") }
        #expect(pair.client.openStreamCount == 0)
    }

    @Test("a header block is known again when it has the same fields, and not otherwise")
    func savedBlock() throws {
        let server = try HTTP2Session.server()
        func block(_ stream: UInt32, _ fields: [(String, String)]) throws -> HeaderBlock {
            try server.feed(Frame.headers(stream, fields))
            for case .headers(_, let block, _) in server.events() { return block }
            throw HTTP2SessionError(reason: "no request")
        }
        let saved = server.save(try block(1, Frame.request() + [("ab", "c")]))
        #expect(server.isEqual(try block(3, Frame.request() + [("ab", "c")]), to: saved))
        #expect(!server.isEqual(try block(5, Frame.request() + [("a", "bc")]), to: saved), "the same bytes, cut elsewhere")
        #expect(!server.isEqual(try block(7, Frame.request()), to: saved))
        #expect(!server.isEqual(try block(9, Frame.request() + [("ab", "d")]), to: saved))
    }

    @Test("the streams of a lost connection are given back")
    func abandon() throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request()) + Frame.headers(3, Frame.request()))
        #expect(server.openStreamCount == 2)
        #expect(server.abandonStreams().map(\.id).sorted() == [1, 3])
        #expect(server.openStreamCount == 0)
    }

    @Test("the streams of a lost connection are given back that the last output has ended, and no event keeps them")
    func abandonEnded() throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request(), end: true))
        server.submitResponse(try server.request(), headers: Self.okHeaders, endStream: true)
        #expect(server.frames().map(\.summary) == ["HEADERS END"])
        #expect(server.openStreamCount == 0)
        #expect(server.abandonStreams().map(\.id) == [1])
        #expect(server.events().isEmpty)
    }

    @Test("a field whose value has blanks around it is dropped, worse ones reset the stream")
    func invalidFields() throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request() + [("x", " padded "), ("y", "z")]))
        guard case .headers(_, let block, _)? = server.events().first else { throw HTTP2SessionError(reason: "no request") }
        #expect(server.fields(of: block).suffix(1) == ["y=z"])
        for (index, field) in [("X", "upper"), ("x", "nul\0"), ("connection", "close"), ("te", "gzip"), ("a b", "c")].enumerated() {
            let stream = UInt32(3 + 2 * index)
            try server.feed(Frame.headers(stream, Frame.request() + [field]))
            #expect(server.frames().map(\.summary) == ["RST_STREAM(1)"], "\(field)")
        }
    }
}
