import HTTP2Frames
import HTTP2Session
import Testing

/// The attacks of the HTTP/2 advisories, as bytes. Time is virtual.
@Suite("Floods")
struct FloodTests {
    /// Feeds until the session gives up.
    ///
    /// - Returns: how many feedings it bore, and why it gave up.
    static func bear(_ limit: Int, _ session: HTTP2Session, at time: (Int) -> UInt64 = { _ in 0 }, _ bytes: (UInt32) -> [UInt8]) -> (
        Int, String?
    ) {
        for index in 0..<limit {
            do throws(HTTP2SessionError) {
                try session.feed(bytes(UInt32(2 * index + 1)), at: time(index))
                _ = session.output(at: time(index))
                _ = session.events()
                session.dropHeaders()
                if !session.isAlive { return (index, session.failure?.reason ?? "goaway") }
            } catch {
                return (index, error.reason)
            }
        }
        return (limit, nil)
    }

    static func requestAndReset(_ stream: UInt32) -> [UInt8] {
        Frame.headers(stream, Frame.request(), end: true) + Frame.reset(stream, 8)
    }

    @Test("rapid resets are cut by the library's own limit, when ours is out of the way (CVE-2023-44487)")
    func libraryLimit() throws {
        var configuration = HTTP2SessionConfiguration()
        configuration.floodLimits.rapidResets = 100_000
        configuration.resetBurst = 2000
        configuration.resetRate = 1
        let (count, reason) = Self.bear(5000, try .server(configuration), Self.requestAndReset)
        #expect(count >= 2000 && count < 3000, "\(count)")
        #expect(reason != nil)
    }

    @Test(
        "resets before an answer are borne as often as there can be streams, while draining too (CVE-2023-44487)", arguments: [false, true])
    func rapidResets(isDraining: Bool) throws {
        let server = try HTTP2Session.server()
        if isDraining { server.submitShutdownNotice(ping: 1) }
        let (count, reason) = Self.bear(3000, server, Self.requestAndReset)
        #expect(count == 1000)
        #expect(reason == "rapid_resets")
    }

    @Test(
        "clients cancel calls that had an answer, that ran for a second, now and then, among others, or when their time is over",
        arguments: [HonestReset.afterAnswer, .late, .nowAndThen, .amongAnswered, .atDeadline])
    func honestResets(_ kind: HonestReset) throws {
        let server = try HTTP2Session.server()
        var now: UInt64 = 0
        for index in 0..<3000 {
            let stream = UInt32(4 * index + 1)
            try server.feed(Frame.headers(stream, Frame.request(), end: true), at: now)
            let request = try server.request()
            switch kind {
            case .afterAnswer: server.submitResponse(request, headers: HTTP2SessionTests.okHeaders, endStream: false)
            case .late: now += 1_000_000_001
            case .nowAndThen: now += 20_000_000
            case .amongAnswered:
                try server.feed(Frame.headers(stream + 2, Frame.request(), end: true), at: now)
                server.submitResponse(try server.request(), headers: HTTP2SessionTests.okHeaders, endStream: true)
            case .atDeadline:
                request.timeout = 1_000_000
                now += 600_000
            }
            _ = server.output(at: now)
            try server.feed(Frame.reset(stream, 8), at: now)
        }
    }

    enum HonestReset {
        case afterAnswer
        case late
        case nowAndThen
        case amongAnswered
        case atDeadline
    }

    @Test(
        "frames that bring nothing are cut, small messages are not (CVE-2019-9511, -9513)",
        arguments: [
            (Frame.data(1, [0]), "frame_crumbs", 1100...1300),
            // A byte, and four of padding.
            (Frame.raw(type: 0, flags: 8, stream: 1, [4, 0, 0, 0, 0, 0]), "frame_crumbs", 1100...1300),
            (Frame.raw(type: 6, flags: 1, [0, 0, 0, 0, 0, 0, 0, 0]), "frame_crumbs", 1000...1100),
            (Frame.raw(type: 2, stream: 1, [0, 0, 0, 0, 16]), "frame_crumbs", 1000...1100),
            (Frame.raw(type: 0xBE, stream: 1, [1]), "frame_crumbs", 1000...1100),
            (Frame.raw(type: 7, [0, 0, 0, 0, 0, 0, 0, 0]), "frame_crumbs", 1000...1100),
            (Frame.windowUpdate(0, 1), "window_updates", 100...110),
            (Frame.data(1, [0, 0, 0, 0, 0]), nil, 5000...5000),
        ] as [([UInt8], String?, ClosedRange<Int>)])
    func crumbs(_ frame: [UInt8], reason expected: String?, after counts: ClosedRange<Int>) throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request()))
        let (count, reason) = Self.bear(5000, server) { _ in frame }
        #expect(reason == expected)
        #expect(counts.contains(count), "\(count)")
    }

    @Test(
        "a peer that has a response sent byte by byte is cut, one whose window is merely no multiple of our frames is not",
        arguments: [1, 1500])
    func dribble(_ window: Int) throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.settings([(4, 0)]) + Frame.headers(1, Frame.request(), end: true))
        let stream = try server.request()
        server.submitResponse(stream, headers: HTTP2SessionTests.okHeaders, endStream: false)
        server.enqueue([UInt8](repeating: 1, count: 10_000_000), on: stream)
        let (count, reason) = Self.bear(5000, server) { _ in
            Frame.windowUpdate(0, UInt32(window)) + Frame.windowUpdate(1, UInt32(window))
        }
        #expect(reason == (window == 1 ? "frame_crumbs" : nil))
        #expect(window != 1 || (1000...1100).contains(count), "\(count)")
    }

    @Test(
        "a stream below the highest that was never used, and one that its client had ended, are errors",
        arguments: [
            (Frame.headers(5, Frame.request(), end: true), "GOAWAY(1 stream_id_regression)"),
            (Frame.headers(3, Frame.request(), end: true), "GOAWAY(5 frame_after_end)"), (Frame.data(3, [1]), "GOAWAY(5 frame_after_end)"),
        ])
    func strayFrames(_ frame: [UInt8], _ goAway: String) throws {
        let server = try HTTP2Session.server()
        for stream in [1, 3, 7] as [UInt32] { try server.feed(Frame.headers(stream, Frame.request()) + Frame.reset(stream, 8)) }
        #expect(throws: HTTP2SessionError.self) { try server.feed(frame) }
        #expect(server.frames().map(\.summary).last == goAway)
    }

    @Test("what was on its way when we reset a stream is ignored")
    func lateFrames() throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request()))
        server.reset(try server.request(), .cancel)
        _ = server.output()
        try server.feed(Frame.data(1, [1, 2, 3, 4, 5]) + Frame.headers(1, [("x", "y")], end: true))
        #expect(server.frames().isEmpty)
    }

    /// Ways to have a server reset a stream (CVE-2025-8671).
    enum Provocation: CaseIterable {
        case windowOverflow
        case contentLength
        case badField
        case noPath
        case unendedTrailers

        func frames(_ stream: UInt32) -> [UInt8] {
            switch self {
            case .windowOverflow: Frame.headers(stream, Frame.request()) + Frame.windowUpdate(stream, 0x7FFF_FFFF)
            case .contentLength: Frame.headers(stream, Frame.request() + [("content-length", "1")]) + Frame.data(stream, [1, 2], end: true)
            case .badField: Frame.headers(stream, Frame.request() + [("Upper", "case")], end: true)
            case .noPath: Frame.headers(stream, [(":method", "POST")], end: true)
            case .unendedTrailers: Frame.headers(stream, Frame.request()) + Frame.headers(stream, [("x", "y")])
            }
        }
    }

    @Test("provoked resets are cut at a hundred (CVE-2025-8671)", arguments: Provocation.allCases)
    func provokedReset(_ provocation: Provocation) throws {
        let (count, reason) = Self.bear(1000, try .server(), provocation.frames)
        #expect((100...102).contains(count))
        #expect(reason == "provoked_resets")
    }

    @Test("provoked resets count when they go out, though nothing comes in after them")
    func provokedResetsAtOnce() throws {
        let server = try HTTP2Session.server()
        let provocations = (0..<200).flatMap { Frame.headers(2 * $0 + 1, Frame.request()) + Frame.windowUpdate(2 * $0 + 1, 0x7FFF_FFFF) }
        try server.feed(provocations)
        #expect(server.frames().last?.summary == "GOAWAY(11 provoked_resets)")
        #expect(server.failure?.reason == "provoked_resets")
    }

    @Test(
        "whoever floods is told so, even where nghttp2 says nothing",
        arguments: [
            ("settings_flood", (0..<2000).flatMap { _ in Frame.settings() }),
            (
                "too_many_continuations",
                Frame.headers(1, Frame.request(), endHeaders: false)
                    + (0..<9).flatMap { _ in Frame.continuation(1, endHeaders: false) }
            ),
        ])
    func lastWord(_ reason: String, _ bytes: [UInt8]) throws {
        let server = try HTTP2Session.server()
        #expect(throws: HTTP2SessionError(reason: reason)) { try server.feed(bytes) }
        #expect(server.frames().last?.summary == "GOAWAY(11 \(reason))")
    }

    @Test("provoked resets that come slowly are borne")
    func slowProvokedReset() throws {
        let (_, reason) = Self.bear(300, try .server(), at: { UInt64($0) * 100_000_000 }) {
            Frame.headers($0, Frame.request()) + Frame.windowUpdate($0, 0x7FFF_FFFF)
        }
        #expect(reason == nil)
    }

    @Test(
        "CONTINUATION frames are counted (CVE-2024-28182): four are borne, more are not", arguments: [(4, true), (6, false), (20, false)])
    func continuations(_ count: Int, isBorne: Bool) throws {
        let server = try HTTP2Session.server()
        var bytes = Frame.headers(1, Frame.request(), end: true, endHeaders: false)
        for index in 1...count { bytes += Frame.continuation(1, endHeaders: index == count) }
        if isBorne {
            try server.feed(bytes)
            #expect(server.openStreamCount == 1)
        } else {
            #expect(throws: HTTP2SessionError(reason: "too_many_continuations")) { try server.feed(bytes) }
        }
    }

    @Test("a header list beyond what we announced comes truncated; too many fields reset the stream, and thrice end the connection")
    func headerList() throws {
        let server = try HTTP2Session.server()
        let large = (0..<20).map { ("x\($0)", String(repeating: "v", count: 1000)) }
        try server.feed(Frame.headers(1, Frame.request()) + Frame.raw(type: 1, flags: 0, stream: 3, Frame.block(Frame.request())))
        for field in large.chunked(10) { try server.feed(Frame.continuation(3, field, endHeaders: field.last?.0 == "x19")) }
        guard case .headers(_, let block, _)? = server.events().last else { throw HTTP2SessionError(reason: "no request") }
        #expect(block.isTruncated)
        #expect(server.fields(of: block).count < 25)
        let many = (0..<300).map { ("y\($0)", "") }
        var reasons: [String] = []
        for stream in [5, 7, 9] as [UInt32] {
            do throws(HTTP2SessionError) { try server.feed(Frame.headers(stream, Frame.request() + many)) } catch {
                reasons.append(error.reason)
            }
        }
        #expect(reasons == ["oversized_headers"])
    }

    @Test("an HPACK bomb is not unfolded: a kilobyte that stands for megabytes ends the connection at once")
    func bomb() throws {
        let server = try HTTP2Session.server()
        // One entry of 3.9 KB into the table, then references to it of one byte each (RFC 7541, 5.1, 6.1 and 6.2.1).
        let length = 30 * 128 + 60
        let prefix: [UInt8] = [127, 0x80 | UInt8((length - 127) % 128), UInt8((length - 127) / 128)]
        let entry: [UInt8] = [0x40, 1, UInt8(ascii: "x")] + prefix + [UInt8](repeating: 97, count: length)
        #expect(throws: HTTP2SessionError(reason: "oversized_headers")) {
            try server.feed(
                Frame.raw(type: 1, flags: 5, stream: 1, Frame.block(Frame.request()) + entry + [UInt8](repeating: 0xBE, count: 4000)))
        }
        #expect(server.frames().last?.summary == "GOAWAY(11 oversized_headers)")
    }

    @Test(
        "DATA frames in a row that are empty, or of padding alone, are cut (CVE-2019-9518)",
        arguments: [
            Frame.data(1, []), Frame.raw(type: 0, flags: 8, stream: 1, [0]), Frame.raw(type: 0, flags: 8, stream: 1, [5, 0, 0, 0, 0, 0]),
        ])
    func emptyData(_ frame: [UInt8]) throws {
        let server = try HTTP2Session.server()
        try server.feed(Frame.headers(1, Frame.request()))
        let (count, reason) = Self.bear(30, server) { _ in frame }
        #expect(count == 10)
        #expect(reason == "empty_data_frames")
    }

    @Test("PINGs every ten seconds are borne, faster ones strike three times")
    func pings() throws {
        #expect(Self.bear(50, try .server(), at: { UInt64($0) * 10_000_000_000 }) { _ in Frame.ping() }.1 == nil)
        let server = try HTTP2Session.server()
        let (count, reason) = Self.bear(50, server, at: { UInt64($0) * 1_000_000_000 }) { _ in Frame.ping() }
        #expect(count == 3)
        #expect(reason == "too_many_pings")
        #expect(server.frames().map(\.summary).last == "GOAWAY(11 too_many_pings)")
    }

    @Test("a PING after we sent a response is no strike: clients probe the round trip so")
    func pingsBetweenResponses() throws {
        let server = try HTTP2Session.server()
        let (_, reason) = Self.bear(50, server, at: { UInt64($0) * 100_000_000 }) { stream in
            // What was answered in the last round was sent before this one.
            for case .headers(let stream, _, _) in server.events() {
                server.submitResponse(stream, headers: HTTP2SessionTests.okHeaders, endStream: true)
            }
            return Frame.ping() + Frame.headers(stream, Frame.request(), end: true)
        }
        #expect(reason == "too_many_pings", "requests alone do not excuse PINGs")
        #expect(try Self.borneRounds(pings: 1) == 500)
    }

    @Test("of the PINGs after each response only the first is free (CVE-2019-9512)")
    func pingsAfterResponses() throws {
        #expect(try Self.borneRounds(pings: 2) == HTTP2SessionConfiguration().floodLimits.pings)
    }

    /// 500 requests within half a second, each with so many PINGs and answered at once.
    ///
    /// - Returns: how many rounds the session bore.
    private static func borneRounds(pings: Int) throws -> Int {
        let server = try HTTP2Session.server()
        for index in 0..<500 {
            let now = UInt64(index) * 1_000_000
            let probes = (0..<pings).flatMap { _ in Frame.ping() }
            do { try server.feed(probes + Frame.headers(UInt32(2 * index + 1), Frame.request(), end: true), at: now) } catch {
                return index
            }
            server.submitResponse(try server.request(), headers: HTTP2SessionTests.okHeaders, endStream: true)
            _ = server.output(at: now)
        }
        return 500
    }

    @Test("SETTINGS are counted (CVE-2019-9515)")
    func settings() throws {
        let (count, reason) = Self.bear(100, try .server()) { _ in Frame.settings() }
        #expect(count < 15)
        #expect(reason == "settings_flood")
    }

    @Test("frames queued for a peer that does not read are limited (CVE-2019-9514)")
    func unreadResets() throws {
        var configuration = HTTP2SessionConfiguration()
        configuration.floodLimits.provokedResets = 1_000_000
        configuration.floodLimits.queuedFrames = 500
        let server = try HTTP2Session.server(configuration)
        var reason: String?
        for stream in stride(from: UInt32(1), to: 2000, by: 2) where reason == nil {
            do throws(HTTP2SessionError) {
                try server.feed(Frame.headers(stream, Frame.request()) + Frame.windowUpdate(stream, 0x7FFF_FFFF))
            } catch { reason = error.reason }
        }
        #expect(reason == "queued_frames")
    }

    @Test(
        "what is no HTTP/2 ends the session",
        arguments: ["GET / HTTP/1.1\r\n\r\n                    ", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}          garbage"])
    func preface(_ text: String) throws {
        let session = try HTTP2Session(role: .server)
        #expect(throws: HTTP2SessionError(reason: "bad_preface")) { try session.feed(Array(text.utf8)) }
    }

    @Test("random bytes never do more than end the session", arguments: 0..<40)
    func noise(_ seed: Int) throws {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        func next() -> UInt8 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 24)
        }
        let server = try HTTP2Session.server()
        let (_, _) = Self.bear(200, server) { _ in
            Frame.raw(type: next() % 10, flags: next() & 0x2D, stream: UInt32(next() % 8), (0..<Int(next() % 40)).map { _ in next() })
        }
        #expect(server.bufferedBytes == 0)
    }
}

extension Array {
    fileprivate func chunked(_ size: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: size).map { Array(self[$0..<Swift.min($0 + size, self.count)]) }
    }
}
