import HTTP2Frames
import HTTP2Session
import NIOCore
import NIOEmbedded
import Testing

@testable import RPCTransport

@Suite("How much one connection sends before others have their turn")
struct OutputTurnTests {
    private final class Audience: HTTP2DriverDelegate {
        func connectionOpened() {}
        func handle(_ event: consuming HTTP2Event, input: Span<UInt8>) {}
        func outputDrained() {}
        func connectionClosed(reason: HTTP2SessionError?) {}
    }

    /// As a socket whose peer reads at once: what is flushed is taken, and after so much that is not it takes no more.
    private final class EagerSocket: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        private var waiting = 0

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            self.waiting += self.unwrapOutboundIn(data).readableBytes
            context.write(data, promise: promise)
            if self.waiting >= 64 << 10 { self.setWritable(false, context) }
        }

        func flush(context: ChannelHandlerContext) {
            context.flush()
            let wasFull = self.waiting >= 64 << 10
            self.waiting = 0
            guard wasFull else { return }
            self.setWritable(true, context)
            context.fireChannelWritabilityChanged()
        }

        private func setWritable(_ isWritable: Bool, _ context: ChannelHandlerContext) {
            (context.channel as? EmbeddedChannel)?.isWritable = isWritable
        }
    }

    /// Counts how often its socket was to be read.
    private final class CountedSocket: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        private(set) var readCount = 0

        func read(context: ChannelHandlerContext) {
            self.readCount += 1
            context.read()
        }
    }

    /// A connection that may send as much as it likes, on a loop whose turns the test ends.
    private struct Connection {
        let driver: HTTP2Driver
        let session: HTTP2Session
        private let channel: EmbeddedChannel
        private let loop = EmbeddedEventLoop()
        private let ticks = LoopTicks()
        private let stream: HTTP2Stream

        init(isServer: Bool, isSocketFull: Bool) throws {
            self.session = try HTTP2Session(role: .client)
            let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")]
            self.stream = try #require(
                self.session.submitRequest(headers: OutgoingHeaders(fields: fields.map { HeaderField($0.0, $0.1) })))
            let limits = HTTP2Driver.Limits(unreadFramesMax: .max, unreadBytesMax: .max, lingerTimeout: .seconds(1))
            self.driver = HTTP2Driver(
                session: self.session, limits: limits, executor: isServer ? LoopExecutor(self.loop, ticks: self.ticks) : nil,
                isOnSocket: false, delegate: Audience())
            let handlers: [any ChannelHandler] = isSocketFull ? [EagerSocket(), self.driver] : [self.driver]
            self.channel = EmbeddedChannel(handlers: handlers, loop: self.loop)
            self.channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
            let window = UInt32(Int32.max)
            try self.channel.writeInbound(
                ByteBuffer(bytes: Frame.settings([(4, window)]) + Frame.windowUpdate(0, window - 65_535)))
            _ = try self.sent()
        }

        func enqueue(_ count: Int) { self.session.enqueue([UInt8](repeating: 1, count: count), on: self.stream) }

        /// Bytes that were sent since this was asked last.
        func sent() throws -> Int {
            var count = 0
            while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) { count += bytes.readableBytes }
            return count
        }

        /// Does what comes due within so long, without a look at any socket.
        func wait(_ time: TimeAmount) { self.loop.advanceTime(by: time) }

        func endTurn() { self.ticks.tickEnded(of: ObjectIdentifier(self.loop)) }

        func becomeWritable() { self.channel.pipeline.fireChannelWritabilityChanged() }
    }

    private static let buffer = 128 << 10

    @Test("of a server it is a MiB, or two in its first turn, on whichever way it comes to send", arguments: [false, true])
    func server(_ isSocketFull: Bool) throws {
        let connection = try Connection(isServer: true, isSocketFull: isSocketFull)
        connection.enqueue(6 << 20)
        connection.driver.flush()
        var rest = 6 << 20
        for turn in 0..<6 where rest > 0 {
            let sent = try connection.sent()
            let most = min(turn == 0 ? 2 << 20 : 1 << 20, rest)
            #expect(sent >= most && sent <= most + Self.buffer, "turn \(turn)")
            rest -= sent
            connection.driver.flush()
            connection.becomeWritable()
            connection.wait(.milliseconds(100))
            #expect(try connection.sent() == 0, "however long the turn lasts")
            connection.endTurn()
            connection.wait(.milliseconds(64))
        }
        #expect(rest <= 0)
        #expect(try connection.sent() == 0)
    }

    @Test("a client's loop is its own")
    func client() throws {
        let connection = try Connection(isServer: false, isSocketFull: true)
        connection.enqueue(6 << 20)
        connection.driver.flush()
        #expect(try connection.sent() >= 6 << 20)
    }

    @Test("of a connection that is closed all is sent that its socket takes, whatever was sent in this turn", arguments: [false, true])
    func close(_ isSocketFull: Bool) throws {
        let connection = try Connection(isServer: true, isSocketFull: isSocketFull)
        connection.enqueue(6 << 20)
        connection.driver.flush()
        connection.driver.close()
        #expect(try connection.sent() >= 6 << 20)
    }

    @Test("what the peer of a connection that is over still sends is read: left unread, it would take our last bytes with it")
    func readsToTheEnd() throws {
        let session = try HTTP2Session(role: .client)
        let limits = HTTP2Driver.Limits(unreadFramesMax: 0, unreadBytesMax: 0, lingerTimeout: .seconds(1))
        let driver = HTTP2Driver(session: session, limits: limits, isOnSocket: false, delegate: Audience())
        let socket = CountedSocket()
        let channel = EmbeddedChannel(handlers: [socket, driver])
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        channel.isWritable = false
        for number: UInt64 in 0..<4 { session.submitPing(number) }
        channel.read()
        #expect(socket.readCount == 0, "it does not read what it is sent")
        driver.close()
        #expect(socket.readCount == 1)
        channel.read()
        #expect(socket.readCount == 2)
    }

    @Test("who is sent away is waited for as long as it takes something each time, and once more, and not for ever")
    func linger() {
        for (waiting, looks) in [
            ([0, 0], 1), ([100, 100], 1), ([100, 50, 50], 2), ([100, 50, 0, 0], 3), (Array((0...100).reversed()), Linger.looksMax),
        ] {
            var linger = Linger(waiting: waiting[0])
            let count = waiting.dropFirst().firstIndex { !linger.goesOn(waiting: $0) }
            #expect(count == looks, "\(waiting)")
        }
    }

    @Test("who has had enough of a turn asks again ever later, until there is another")
    func pacing() {
        let (loop, ticks) = (EmbeddedEventLoop(), LoopTicks())
        let turns = LoopTurns(loop, ticks)
        var (one, other) = (TurnPacer(), TurnPacer())
        #expect(one.beginsTurn(of: turns) && other.beginsTurn(of: turns))
        #expect(!one.beginsTurn(of: turns) && !other.beginsTurn(of: turns))
        #expect((0..<7).map { _ in one.nextPause().nanoseconds / 1000 } == [20, 40, 80, 160, 320, 640, 1280])
        #expect((0..<7).map { _ in one.nextPause().nanoseconds / 1000 } == [2560, 5120, 10_240, 20_480, 40_960, 64_000, 64_000])
        ticks.tickEnded(of: ObjectIdentifier(loop))
        #expect(one.beginsTurn(of: turns) && other.beginsTurn(of: turns))
        #expect(one.nextPause().nanoseconds / 1000 == 20)
    }
}
