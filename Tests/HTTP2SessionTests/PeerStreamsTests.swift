import HTTP2Frames
import Testing

@testable import HTTP2Session

@Suite("What a client says of its streams")
struct PeerStreamsTests {
    private static func heads(_ bytes: [UInt8], by size: Int) -> [FrameHead] {
        var scanner = FrameScanner()
        var heads: [FrameHead] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            let part = Array(bytes[start..<min(start + size, bytes.count)])
            var offset = 0
            while let (head, _) = scanner.next(in: part.span, at: &offset) { heads.append(head) }
        }
        return heads
    }

    @Test("the heads of frames are found whatever the pieces are", arguments: [1, 2, 8, 9, 10, 23, 24, 25, 1000])
    func scan(_ size: Int) {
        let bytes =
            Frame.preface + Frame.settings([(4, 1)]) + Frame.headers(0x8000_0003, Frame.request(), end: true)
            + Frame.data(5, [UInt8](repeating: 1, count: 300)) + Frame.raw(type: 2, stream: 9, [0x80, 0, 0, 7, 1])
            + Frame.raw(type: 2, stream: 9, [1, 2, 3]) + Frame.raw(type: 0xEE, flags: 7)
        let heads = Self.heads(bytes, by: size)
        #expect(heads.map(\.type) == [4, 1, 0, 2, 2, 0xEE])
        #expect(heads.map(\.stream) == [0, 3, 5, 9, 9, 0])
        #expect(heads.map(\.endsStream) == [false, true, false, false, false, false])
        #expect(heads[2].length == 300)
        #expect(heads.map(\.dependency) == [nil, nil, nil, 7, nil, nil])
    }

    @Test("a frame begins where its first byte in these bytes is")
    func starts() throws {
        var scanner = FrameScanner()
        var offset = 0
        #expect(scanner.next(in: (Frame.preface + [0, 0]).span, at: &offset) == nil)
        let rest = Frame.ping().dropFirst(2) + Frame.ping()
        offset = 0
        #expect(try #require(scanner.next(in: Array(rest).span, at: &offset)).start == 0)
        #expect(try #require(scanner.next(in: Array(rest).span, at: &offset)).start == 15)
    }

    private static func head(_ type: UInt8, _ stream: Int32, end: Bool = false, endHeaders: Bool = true) -> FrameHead {
        FrameHead(length: 0, type: type, flags: (end ? 1 : 0) | (endHeaders ? 4 : 0), stream: stream)
    }

    @Test("between the beginning and the end of a header block nothing is judged")
    func openBlock() {
        var streams = PeerStreams()
        #expect(streams.received(Self.head(1, 1, end: true, endHeaders: false)) == .fine)
        #expect(streams.received(Self.head(0, 1)) == .fine)
        #expect(streams.received(Self.head(9, 1, endHeaders: false)) == .fine)
        #expect(streams.received(Self.head(9, 1)) == .fine)
        #expect(streams.received(Self.head(0, 1)) == .afterEnd)
    }

    @Test("what a client says after its own end is told from what was on its way")
    func afterEnd() {
        var streams = PeerStreams()
        #expect(streams.received(Self.head(0, 1)) == .fine, "idle: nghttp2 sees to it")
        #expect(streams.received(Self.head(1, 1)) == .fine)
        #expect(streams.received(Self.head(0, 1, end: true)) == .fine)
        for type in [2, 3, 8] as [UInt8] { #expect(streams.received(Self.head(type, 1)) == .fine) }
        for type in [0, 1] as [UInt8] { #expect(streams.received(Self.head(type, 1)) == .afterEnd) }
        #expect(streams.received(Self.head(1, 3)) == .fine)
        #expect(streams.received(Self.head(3, 3)) == .fine)
        for type in [0, 1] as [UInt8] { #expect(streams.received(Self.head(type, 3)) == .afterEnd) }
        #expect(streams.received(Self.head(0, 5)) == .fine)
        #expect(streams.received(Self.head(0, 4)) == .fine)
    }

    @Test("a client does not go back to a stream that it passed over, and what is long ago is forgotten")
    func regression() {
        var streams = PeerStreams()
        #expect(streams.received(Self.head(1, 5, end: true)) == .fine)
        for stream in [1, 3] as [Int32] { #expect(streams.received(Self.head(1, stream)) == .regression) }
        #expect(streams.received(Self.head(1, 5 + 2 * 1023)) == .fine)
        #expect(streams.received(Self.head(1, 5)) == .afterEnd, "1023 later ones are remembered")
        #expect(streams.received(Self.head(1, 7)) == .regression)
        #expect(streams.received(Self.head(1, 5 + 2 * 1024)) == .fine)
        #expect(streams.received(Self.head(1, 5)) == .fine, "more are not")
        #expect(streams.received(Self.head(1, Int32.max)) == .fine)
        #expect(streams.received(Self.head(1, Int32.max - 2)) == .regression)
        #expect(streams.received(Self.head(0, Int32.max, end: true)) == .fine)
        #expect(streams.received(Self.head(0, Int32.max)) == .afterEnd)
    }
}
