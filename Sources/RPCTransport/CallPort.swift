internal import NIOCore
internal import RPCCore

/// A call as its connection has it: bound to the connection's loop.
protocol CallEndpoint: AnyObject, SendableMetatype {
    /// The next messages, or their end; nil when neither has come.
    func takeMessagesNow() -> Result<MessageBatch?, RPCError>?
    func takeMessages(into reader: Waiter)
    /// - Throws: the reason why there is nothing to read any more.
    func checkOpen() throws(RPCError)
    /// - Returns: whether there is room for more.
    func send(_ message: [UInt8]) throws(RPCError) -> Bool
    /// Has a small message of `size` bytes written, and is as `send` otherwise.
    func send(_ size: Int, _ write: (inout OutputSpan<UInt8>) -> Void) throws(RPCError) -> Bool
    func waitForRoom(_ writer: Waiter)
    func sendHeaders() throws(RPCError)
    func finishSending() throws(RPCError)
    var hasRoomNow: Bool { get }
}

extension CallEndpoint {
    /// A caller writes from its own task.
    var hasRoomNow: Bool { false }
    /// For a caller: a request may have to be sent again.
    func send(_ size: Int, _ write: (inout OutputSpan<UInt8>) -> Void) throws(RPCError) -> Bool {
        try self.send([UInt8](capacity: size, initializingWith: write))
    }
}

/// A call as its handler or its caller has it: usable from any task, without suspension where nothing has to be waited for.
struct CallPort: MessageSink, MessageSource {
    // Not generic: whoever has the port as a sink would look its type up again for each message.
    private let call: NIOLoopBound<any CallEndpoint>
    private let loop: any EventLoop
    let home: (any CallHome)?

    /// To be made on the loop.
    ///
    /// - Parameter home: where whoever has many calls may write to them; nil on the client's side.
    init(_ call: any CallEndpoint, loop: any EventLoop, home: (any CallHome)? = nil) {
        self.call = NIOLoopBound(call, eventLoop: loop)
        self.loop = loop
        self.home = home
    }

    // MARK: Messages in

    nonisolated(nonsending) func next() async throws(RPCError) -> MessageBatch? {
        if self.loop.inEventLoop, let now = self.call.value.takeMessagesNow() { return try now.get() }
        let reader = Waiter()
        self.onLoop { $0.takeMessages(into: reader) }
        return try await reader.wait()
    }

    nonisolated(nonsending) func checkOpen() async throws(RPCError) {
        try await self.perform { call throws(RPCError) in try call.checkOpen() }
    }

    // MARK: Messages out

    var hasRoomNow: Bool { self.call.value.hasRoomNow }

    func sendNow(_ message: [UInt8]) throws(RPCError) -> SentNow {
        guard self.loop.inEventLoop else { return .elsewhere }
        return try self.call.value.send(message) ? .taken : .takenAndFull
    }

    var isHere: Bool { self.loop.inEventLoop }

    func sendNow(_ size: Int, _ write: (inout OutputSpan<UInt8>) -> Void) throws(RPCError) -> SentNow {
        try self.call.value.send(size, write) ? .taken : .takenAndFull
    }

    nonisolated(nonsending) func untilRoom() async throws(RPCError) {
        let writer = Waiter()
        self.onLoop { $0.waitForRoom(writer) }
        try await writer.wait()
    }

    nonisolated(nonsending) func send(_ message: [UInt8]) async throws(RPCError) {
        let writer = Waiter()
        self.onLoop { call in
            do throws(RPCError) {
                if try call.send(message) { writer.answer(.success(nil)) } else { call.waitForRoom(writer) }
            } catch {
                writer.answer(.failure(error))
            }
        }
        try await writer.wait()
    }

    nonisolated(nonsending) func sendHeaders() async throws(RPCError) {
        try await self.perform { call throws(RPCError) in try call.sendHeaders() }
    }

    nonisolated(nonsending) func finish() async throws(RPCError) {
        try await self.perform { call throws(RPCError) in try call.finishSending() }
    }

    private nonisolated(nonsending) func perform(_ body: @escaping @Sendable (any CallEndpoint) throws(RPCError) -> Void)
        async throws(RPCError)
    {
        if self.loop.inEventLoop { return try body(self.call.value) }
        let waiter = Waiter()
        self.onLoop { call in
            do throws(RPCError) {
                try body(call)
                waiter.answer(.success(nil))
            } catch {
                waiter.answer(.failure(error))
            }
        }
        try await waiter.wait()
    }

    private func onLoop(_ body: @escaping @Sendable (any CallEndpoint) -> Void) {
        if self.loop.inEventLoop {
            body(self.call.value)
        } else {
            self.loop.execute { body(self.call.value) }
        }
    }
}
