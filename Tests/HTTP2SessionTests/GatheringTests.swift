import HTTP2Frames
import TestSupport
import Testing

@testable import HTTP2Session

@Suite("Output whose large parts stay where they are")
struct GatheringTests {
    /// All that is ready to be sent, put together from what is written and what is lent.
    private static func gathered(_ session: HTTP2Session, size: Int = 64 << 10) -> (bytes: [UInt8], lent: Int) {
        var all: [UInt8] = []
        var lent = 0
        while true {
            var parts: [LentPart] = []
            // The closure says how many bytes it initialised, and `gather` initialises what it counts.
            let written = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                var span = unsafe OutputRawSpan(buffer: UnsafeMutableRawBufferPointer(buffer), initializedCount: 0)
                parts = session.gather(into: &span, at: 0)
                count = unsafe span.finalize(for: UnsafeMutableRawBufferPointer(buffer))
            }
            guard !written.isEmpty else {
                #expect(parts.isEmpty)
                return (all, lent)
            }
            var position = 0
            for part in parts {
                all += written[position..<part.position] + part.bytes[part.range]
                position = part.position
            }
            all += written[position...]
            let count = parts.reduce(0) { $0 + $1.range.count }
            #expect(count < LentPart.totalMax + 16_384)
            lent += count
        }
    }

    private static func server(_ messages: [[[UInt8]]]) throws -> HTTP2Session {
        let server = try HTTP2Session.server()
        // The windows of the connection and of each stream are as large as they can be, or nothing of size would go out.
        try server.feed(Frame.settings([(4, 0x7FFF_FFFF)]) + Frame.windowUpdate(0, 0x7FFF_0000))
        for index in messages.indices {
            try server.feed(Frame.headers(UInt32(2 * index + 1), Frame.request(), end: true))
            let stream = try server.request()
            server.submitResponse(stream, headers: HTTP2SessionTests.okHeaders, endStream: false)
            for message in messages[index] { server.enqueue(message, on: stream) }
            server.finish(stream, trailers: HTTP2SessionTests.okTrailers)
        }
        return server
    }

    @Test("is the same as output that is copied", arguments: 0..<20 as Range<UInt64>)
    func same(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let messages = (0..<5).map { stream in
            (0..<20).map { index in
                [UInt8](
                    repeating: UInt8(truncatingIfNeeded: 20 * stream + index),
                    count: Int.random(in: 0...(index % 4 == 0 ? 200_000 : 3000), using: &random))
            }
        }
        let copied = try Self.server(messages).output()
        let size = Int.random(in: HTTP2Session.drainSizeMin...(100 << 10), using: &random)
        let (bytes, lent) = Self.gathered(try Self.server(messages), size: size)
        #expect(bytes == copied)
        let large = messages.joined().filter { $0.count > 16_384 }.reduce(0) { $0 + $1.count }
        #expect(lent > large / 2 && lent <= large)
    }

    @Test("there are large messages until they are sent, or their stream is gone")
    func hasLarge() throws {
        let server = try Self.server([[[UInt8](repeating: 1, count: 16_384)]])
        #expect(!server.hasLargeMessages)
        try server.feed(Frame.headers(3, Frame.request(), end: true))
        let stream = try server.request()
        server.submitResponse(stream, headers: HTTP2SessionTests.okHeaders, endStream: false)
        for count in [100_000, 10, 50_000] { server.enqueue([UInt8](repeating: 2, count: count), on: stream) }
        #expect(server.hasLargeMessages)
        _ = Self.gathered(server)
        #expect(!server.hasLargeMessages && server.bufferedBytes == 0)
        server.enqueue([UInt8](repeating: 2, count: 100_000), on: stream)
        #expect(server.hasLargeMessages)
        try server.feed(Frame.reset(3, 8))
        #expect(!server.hasLargeMessages && server.bufferedBytes == 0)
    }
}
