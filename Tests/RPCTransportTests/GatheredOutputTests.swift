import Glibc
import HTTP2Session
import NIOCore
import RPCCore
import TestSupport
import Testing

@testable import RPCTransport

@Suite("Output that is gathered from where it lies")
struct GatheredOutputTests {
    /// A session's output with large messages in it, and the same bytes in one piece.
    private static func output() throws -> (GatheredOutput, all: [UInt8]) {
        let (gathered, copied) = (try Self.session(), try Self.session())
        var (written, plain, lent) = (ByteBuffer(), ByteBuffer(), [LentPart]())
        written.writeWithOutputRawSpan(minimumWritableBytes: 256 << 10) { lent = gathered.gather(into: &$0, at: 0) }
        plain.writeWithOutputRawSpan(minimumWritableBytes: 256 << 10) { copied.drain(into: &$0, at: 0) }
        return (GatheredOutput(written: written, lent: lent), Array(buffer: plain))
    }

    private static func session() throws -> HTTP2Session {
        let session = try HTTP2Session(role: .client)
        for size in [100, 20_000, 10, 30_000] {
            let headers = OutgoingHeaders(fields: [
                HeaderField(":method", "POST"), HeaderField(":scheme", "http"), HeaderField(":path", "/\(size)"),
                HeaderField(":authority", "a"),
            ])
            let stream = try #require(session.submitRequest(headers: headers))
            // As much as the windows let out in the beginning, which is 64 KiB.
            session.enqueue((0..<size).map { UInt8(truncatingIfNeeded: $0 &* size) }, on: stream)
        }
        return session
    }

    @Test("what a socket does not take is all that comes after what it takes, wherever that ends")
    func rest() throws {
        let (output, all) = try Self.output()
        #expect(output.lent.count >= 2 && output.count == all.count && all.count > 50_000)
        let borders = output.lent.flatMap { [$0.position - 1, $0.position, $0.position + 1] }
        for count in borders + Array(stride(from: 0, through: all.count, by: 97)) + [all.count - 1, all.count] {
            #expect(Array(buffer: output.rest(after: count)) == Array(all[count...]), "after \(count)")
        }
    }

    @Test("a socket takes all of it, or its beginning, or nothing when it is broken")
    func send() throws {
        let (output, all) = try Self.output()
        for bufferSize: CInt in [256 << 10, 4 << 10] {
            var pair: [CInt] = [0, 0]
            // The array has room for the two descriptors that are made.
            try #require(
                unsafe pair.withUnsafeMutableBufferPointer {
                    unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, $0.baseAddress)
                } == 0)
            var size = bufferSize
            // The option is a number of this size.
            try #require(unsafe setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size)) == 0)
            let sent = output.send(to: pair[0])
            #expect(bufferSize > 100_000 ? sent == all.count : sent > 0 && sent < all.count)
            var received = [UInt8](repeating: 0, count: all.count)
            // No more is read than the array has room for.
            let count = unsafe received.withUnsafeMutableBytes { unsafe read(pair[1], $0.baseAddress, $0.count) }
            #expect(count == sent && Array(received.prefix(count)) == Array(all.prefix(sent)))
            close(pair[1])
            #expect(output.send(to: pair[0]) == 0, "and no signal ends the process")
            close(pair[0])
        }
    }

    @Test("messages of all sizes arrive as they were sent, on many streams of a connection whose reader is slow", arguments: [false, true])
    func echoes(_ isSlow: Bool) async throws {
        try await Rig.run { rig in
            try await withThrowingTaskGroup { group in
                for stream in 0..<8 {
                    group.addTask {
                        var random = SplitMix64(seed: UInt64(stream))
                        let messages = (0..<30).map { index in
                            let size = Int.random(in: 0...(index % 3 == 0 ? 300_000 : 2500), using: &random)
                            return BytesMessage((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ index &+ stream) })
                        }
                        try await rig.channel.bidirectionalStreaming(method: TestService.chat, options: CallOptions()) {
                            (requests: RequestWriter<BytesMessage>, responses: ResponseStream<BytesMessage>) in
                            async let sent: Void = {
                                for message in messages { try await requests.write(message) }
                                try await requests.finish()
                            }()
                            var count = 0
                            for try await response in responses {
                                #expect(response == messages[count])
                                count += 1
                                // Others have their turn before this one reads on.
                                if isSlow { for _ in 0..<50 { await Task.yield() } }
                            }
                            try await sent
                            #expect(count == messages.count)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
