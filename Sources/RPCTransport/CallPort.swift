internal import NIOCore
internal import RPCCore

/// A call as its connection has it: bound to the connection's loop.
protocol CallEndpoint: AnyObject, SendableMetatype {
    /// The next message, or the end of the messages; nil when neither has come.
    func takeMessageNow() -> Result<ReceivedMessage?, RPCError>?
    func takeMessage(into reader: Waiter<ReceivedMessage?>)
    /// - Returns: whether there is room for more.
    func send(_ message: [UInt8]) throws(RPCError) -> Bool
    func waitForRoom(_ writer: Waiter<Void>)
    func sendHeaders() throws(RPCError)
    func finishSending() throws(RPCError)
    var hasRoomNow: Bool { get }
    func sendNow(_ message: [UInt8]) -> Bool
}

extension CallEndpoint {
    /// A caller writes from its own task.
    var hasRoomNow: Bool { false }
    func sendNow(_ message: [UInt8]) -> Bool { false }
}

/// A call as its handler or its caller has it: usable from any task, without suspension where nothing has to be waited for.
struct CallPort<Call: CallEndpoint>: MessageSink, MessageSource {
    private let call: NIOLoopBound<Call>
    private let loop: any EventLoop
    let home: (any CallHome)?

    /// To be made on the loop.
    ///
    /// - Parameter home: where whoever has many calls may write to them; nil on the client's side.
    init(_ call: Call, loop: any EventLoop, home: (any CallHome)? = nil) {
        self.call = NIOLoopBound(call, eventLoop: loop)
        self.loop = loop
        self.home = home
    }

    var hasRoomNow: Bool { self.call.value.hasRoomNow }

    func sendNow(_ message: [UInt8]) -> Bool { self.call.value.sendNow(message) }

    func next() async throws(RPCError) -> ReceivedMessage? {
        if self.loop.inEventLoop, let now = self.call.value.takeMessageNow() { return try now.get() }
        let reader = Waiter<ReceivedMessage?>()
        self.onLoop { $0.takeMessage(into: reader) }
        return try await reader.wait()
    }

    func send(_ message: [UInt8]) async throws(RPCError) {
        if self.loop.inEventLoop, try self.call.value.send(message) { return }
        let isSent = self.loop.inEventLoop
        let writer = Waiter<Void>()
        self.onLoop { call in
            do throws(RPCError) {
                if isSent {
                    call.waitForRoom(writer)
                } else if try call.send(message) {
                    writer.answer(.success(()))
                } else {
                    call.waitForRoom(writer)
                }
            } catch {
                writer.answer(.failure(error))
            }
        }
        try await writer.wait()
    }

    func sendHeaders() async throws(RPCError) {
        try await self.perform { call throws(RPCError) in try call.sendHeaders() }
    }

    func finish() async throws(RPCError) {
        try await self.perform { call throws(RPCError) in try call.finishSending() }
    }

    private func perform(_ body: @escaping @Sendable (Call) throws(RPCError) -> Void) async throws(RPCError) {
        if self.loop.inEventLoop { return try body(self.call.value) }
        let waiter = Waiter<Void>()
        self.onLoop { call in
            do throws(RPCError) {
                try body(call)
                waiter.answer(.success(()))
            } catch {
                waiter.answer(.failure(error))
            }
        }
        try await waiter.wait()
    }

    private func onLoop(_ body: @escaping @Sendable (Call) -> Void) {
        if self.loop.inEventLoop {
            body(self.call.value)
        } else {
            self.loop.execute { body(self.call.value) }
        }
    }
}
