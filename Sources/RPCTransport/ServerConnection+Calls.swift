internal import Compression
internal import HTTP2Session
internal import NIOCore
internal import RPCCore

/// From a request's headers to its handler's return.
extension ServerConnection {
    func begin(_ stream: HTTP2Stream, _ block: HeaderBlock) {
        if let last = self.lastHead, self.session.isEqual(block, to: last.block) { return self.begin(stream, last.accepted) }
        var head = RequestHead(routes: self.server.routes, codecs: .standard)
        self.session.forEachField(of: block) { name, value in head.add(name: name, value: value) }
        if head.httpMethod == .get, head.unknownPath == LivenessProbe.path { return self.answerProbe(stream) }
        do throws(RequestHead.Refusal) {
            let method = try head.judged(isTruncated: block.isTruncated)
            let accepted = AcceptedHead(head, method, self.server)
            self.lastHead = (self.session.save(block), accepted)
            self.begin(stream, accepted)
        } catch {
            let limit = Int(self.session.remoteHeaderListLimit)
            let refusal = ResponseFields.refusal(error, subtype: head.contentSubtype, limit: limit)
            if error.httpStatus == 200 || stream.isRemoteEnded {
                self.session.submitResponse(stream, headers: refusal, endStream: true)
            } else {
                stream.owner = UnreadRequest(refusal, on: self.loop) { [weak stream] in
                    guard let stream else { return }
                    self.refuse(stream, $0)
                    self.scheduleFlush()
                }
            }
        }
    }

    /// Of a request that is refused at its end.
    func discard(_ request: UnreadRequest, _ byteCount: Int, endStream: Bool, on stream: HTTP2Stream) {
        self.session.consume(byteCount, on: stream)
        if let refusal = request.receive(byteCount, endStream: endStream) { self.refuse(stream, refusal) }
    }

    func refuse(_ stream: HTTP2Stream, _ refusal: OutgoingHeaders) {
        self.forget(stream)
        self.session.submitResponse(stream, headers: refusal, endStream: true)
    }

    /// The stream's owner is told that there is no more to it.
    func forget(_ stream: HTTP2Stream) {
        switch stream.owner {
        case let call as ServerCall: call.closed()
        case let request as UnreadRequest: request.end()
        default: break
        }
        stream.owner = nil
    }

    private func begin(_ stream: HTTP2Stream, _ head: AcceptedHead) {
        let method = head.method
        let now = ContinuousClock.now
        let deadline = head.timeout.map { now + .nanoseconds(Int64($0.nanoseconds)) }
        let context = ServerContext(
            method: method.descriptor, requestMetadata: head.metadata, beganAt: now, deadline: deadline, peer: self.peer,
            identity: self.identity, memo: self.callerMemo, queueDelay: self.executor.sampleDelay(at: now), connection: self.number,
            stream: stream.id, offeredCodec: head.responseCodec)
        let interceptors = self.server.routes.interceptors
        let call = ServerCall(self, stream, head, context, startedAt: interceptors.isEmpty ? nil : now)
        stream.owner = call
        if let timeout = head.timeout { stream.timeout = timeout.nanoseconds }
        self.tally.calls += 1
        self.tally.callsNow += 1
        do throws(RPCError) {
            for interceptor in interceptors { try interceptor.admit(context) }
            try self.server.memory.admit()
            if method.waits, self.waitingCount >= self.server.waitingCallsMax {
                throw RPCError(code: .resourceExhausted, message: "too many calls of this connection wait already")
            }
        } catch {
            return call.end(error)
        }
        if self.drain.isBegun { context.askToEnd() }
        self.watchAccess()
        if !method.descriptor.kind.hasSingleRequest { self.start(call, with: nil) }
    }

    private func answerProbe(_ stream: HTTP2Stream) {
        self.session.submitResponse(stream, headers: LivenessProbe.headers, endStream: false)
        self.session.enqueue(LivenessProbe.body, on: stream)
        self.session.finish(stream)
    }

    /// Runs the call's handler, now or when another one has returned.
    func start(_ call: ServerCall, with message: ReceivedMessage?) {
        let isFull = !call.method.waits && self.runningCount >= self.server.configuration.runningHandlersMax
        if isFull || self.rest(before: message) != nil {
            self.startQueue.append(call, message)
            call.armDeadline()
            // Otherwise a handler that returns does it.
            if !isFull { self.startQueued() }
        } else {
            self.launch(call, message)
        }
    }

    /// Until when messages like this one have to wait, because those before were long to unfold; nil when it may be looked at.
    private func rest(before message: ReceivedMessage?) -> UInt64? {
        guard let message, message.isCompressed else { return nil }
        return self.executor.unfolding.rest(at: NIODeadline.now().uptimeNanoseconds)
    }

    private func launch(_ call: ServerCall, _ message: ReceivedMessage?) {
        guard let message, message.isCompressed else { return self.run(call, message) }
        // It is unfolded by the handler's first step.
        let start = NIODeadline.now().uptimeNanoseconds
        self.run(call, message)
        self.executor.unfolding.worked(from: start, until: NIODeadline.now().uptimeNanoseconds)
    }

    private func run(_ call: ServerCall, _ message: ReceivedMessage?) {
        self.loop.assertInEventLoop()
        call.isHandlerRunning = true
        if call.method.waits { self.waitingCount += 1 } else { self.runningCount += 1 }
        switch (call.method.handler, message) {
        case (.unary(let handler), let message?): self.startTask(of: call, unary: handler, message)
        case (.promptUnary(let handler), let message?):
            guard let work = call.replyPromptly(handler, message) else { return }
            self.startTask(of: call, unary: { _, _ in try await work() }, message)
        default:
            let bound = NIOLoopBound(call, eventLoop: self.loop)
            self.follow(call, Task.immediate(executorPreference: self.executor) { await ServerCall.runStreaming(message, bound) })
        }
    }

    private func startTask(of call: ServerCall, unary handler: @escaping ServerCall.UnaryHandler, _ message: ReceivedMessage) {
        let bound = NIOLoopBound(call, eventLoop: self.loop)
        let context = call.context
        self.follow(
            call, Task.immediate(executorPreference: self.executor) { await ServerCall.runUnary(handler, message, context, bound) })
    }

    /// Keeps the task of a handler that has suspended.
    ///
    /// The only unstructured task below the programs: a call has no scope that could own it. It ends with its handler, it is cancelled with
    /// its stream, and the server does not end before it. It ran here, on the loop, until the handler first suspended.
    private func follow(_ call: ServerCall, _ task: Task<Void, Never>) {
        guard call.isHandlerRunning else { return }
        call.task = task
        if call.isOver { task.cancel() } else { call.armDeadline() }
    }

    func handlerReturned(_ call: ServerCall) {
        call.isHandlerRunning = false
        call.task = nil
        if call.method.waits { self.waitingCount -= 1 } else { self.runningCount -= 1 }
        // From the queue's own turn, so that a chain of handlers that return at once is no recursion.
        if !self.startQueue.isEmpty { self.loop.assumeIsolated().execute { self.startQueued() } }
        if self.isClosed { self.endIfDone() }
    }

    private func startQueued() {
        while self.runningCount < self.server.configuration.runningHandlersMax, let message = self.startQueue.firstMessage {
            if let rest = self.rest(before: message) { return self.startQueued(at: rest) }
            if let (call, message) = self.startQueue.popFirst() { self.launch(call, message) }
        }
    }

    private func startQueued(at time: UInt64) {
        guard !self.isStartScheduled else { return }
        self.isStartScheduled = true
        self.loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(time)) {
            self.isStartScheduled = false
            self.startQueued()
        }
    }

    func callEnded(_ call: ServerCall) {
        self.tally.callsNow -= 1
        // Its stream is free for the next call: what stays in the queue would be bounded by nothing.
        if !call.isHandlerRunning, !self.startQueue.isEmpty { self.startQueue.remove(call) }
    }
}
