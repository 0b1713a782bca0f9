import NIOCore
import NIOEmbedded
import NIOPosix
import Testing

@testable import RPCTransport

/// The listener's channel is an embedded one, whose time is virtual and which keeps the options that were set.
@Suite("Accepting")
struct AcceptGateTests {
    private static let pause = TimeAmount.milliseconds(100)

    private static func listener(connectionsMax: Int, group: (any EventLoopGroup)? = nil) throws -> EmbeddedChannel {
        var limits = ConnectionLimits()
        limits.connectionsMax = connectionsMax
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandler(
            AcceptGate(limits, pause: self.pause, counters: ServerCounters(), group: group ?? channel.embeddedEventLoop))
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/listener")).wait()
        return channel
    }

    private static func accept(on listener: EmbeddedChannel) -> EmbeddedChannel {
        let accepted = EmbeddedChannel()
        listener.pipeline.fireChannelRead(accepted as any Channel)
        return accepted
    }

    private static func end(_ accepted: EmbeddedChannel, of listener: EmbeddedChannel) throws {
        try accepted.close().wait()
        // Each loop runs only when it is told to: the end is told on the one, and heard on the other.
        accepted.embeddedEventLoop.run()
        listener.embeddedEventLoop.run()
    }

    /// What the gate has last said about reading.
    private static func isReading(_ listener: EmbeddedChannel) -> Bool? {
        listener.options.last { $0.option is ChannelOptions.Types.AutoReadOption }?.value as? Bool
    }

    @Test("after a failure nothing is accepted for a while, however often it fails meanwhile")
    func pause() throws {
        let listener = try Self.listener(connectionsMax: 2)
        for _ in 0..<3 { listener.pipeline.fireErrorCaught(IOError(errnoCode: EMFILE, reason: "accept")) }
        #expect(Self.isReading(listener) == false)
        listener.embeddedEventLoop.advanceTime(by: Self.pause)
        #expect(Self.isReading(listener) == true)
    }

    @Test("after the pause a full server accepts nothing until a connection ends")
    func pauseAtLimit() throws {
        let listener = try Self.listener(connectionsMax: 1)
        let accepted = Self.accept(on: listener)
        listener.pipeline.fireErrorCaught(IOError(errnoCode: EMFILE, reason: "accept"))
        listener.embeddedEventLoop.advanceTime(by: Self.pause)
        #expect(Self.isReading(listener) == false)
        try Self.end(accepted, of: listener)
        #expect(Self.isReading(listener) == true)
    }

    @Test("a connection that ends within the pause does not end it")
    func endWithinPause() throws {
        let listener = try Self.listener(connectionsMax: 1)
        let accepted = Self.accept(on: listener)
        listener.pipeline.read()
        listener.pipeline.fireErrorCaught(IOError(errnoCode: EMFILE, reason: "accept"))
        try Self.end(accepted, of: listener)
        #expect(Self.isReading(listener) == false)
        listener.embeddedEventLoop.advanceTime(by: Self.pause)
        #expect(Self.isReading(listener) == true)
    }

    @Test("a listener closes once every loop has set up what was accepted for it, and accepts nothing meanwhile")
    func closing() throws {
        let other = EmbeddedEventLoop()
        let listener = try Self.listener(connectionsMax: 2, group: other)
        listener.close(promise: nil)
        listener.embeddedEventLoop.run()
        #expect(listener.isActive && Self.isReading(listener) == false)
        other.run()
        listener.embeddedEventLoop.run()
        #expect(!listener.isActive)
    }
}
