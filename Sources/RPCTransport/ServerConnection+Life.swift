internal import HTTP2Session
internal import NIOCore
internal import RPCCore

/// The clocks of one connection: how long it lives, and what on it is half done. Bound to the connection's loop, and driven by it.
struct ConnectionClocks {
    var life: ConnectionLife
    var stalls: StallWatch
    /// What was half done at the last look.
    var marks: [ObjectIdentifier: StallWatch.CallMarks] = [:]
    var lifeTimer: Scheduled<Void>?
    var stallTimer: Scheduled<Void>?
    var accessTimer: Scheduled<Void>?

    init(_ limits: ConnectionLimits, now: UInt64) {
        self.life = ConnectionLife(limits.life(random: .random(in: -1...1)), openedAt: now)
        self.stalls = StallWatch(limits)
    }

    mutating func stop() {
        self.lifeTimer?.cancel()
        self.stallTimer?.cancel()
        self.accessTimer?.cancel()
        self.lifeTimer = nil
        self.stallTimer = nil
        self.accessTimer = nil
    }
}

extension ServerConnection {
    // MARK: Its life

    private static let keepalivePing: UInt64 = 0x6b65_6570_616c_6976

    func lookAtLife() {
        guard let driver = self.openDriver else { return }
        let facts = ConnectionLife.Facts(
            lastReceivedAt: driver.lastReceivedAt, openStreams: self.session.openStreamCount, lastCallAt: self.lastCallAt)
        let (verdict, next) = self.clocks.life.look(at: NIODeadline.now().uptimeNanoseconds, facts)
        if let next {
            self.clocks.lifeTimer = self.loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(next)) { self.lookAtLife() }
        }
        switch verdict {
        case .none: break
        case .ping:
            self.session.submitPing(Self.keepalivePing)
            self.activity.keepalivesSent += 1
            self.scheduleFlush()
        case .leave(let reason): self.beginDrain(reason)
        case .end(let reason): self.endNow(reason)
        case .abort(let reason): driver.fail(HTTP2SessionError(reason: reason))
        }
    }

    // MARK: Whether its calls may go on

    /// Begins to ask from time to time whether the calls that go on still may. To be called when one begins.
    func watchAccess() {
        guard self.clocks.accessTimer == nil, !self.server.routes.interceptors.isEmpty else { return }
        let interval = TimeAmount(self.server.configuration.accessRecheckInterval)
        self.clocks.accessTimer = self.loop.assumeIsolated().scheduleTask(in: interval) {
            self.clocks.accessTimer = nil
            self.recheckAccess()
        }
    }

    private func recheckAccess() {
        guard self.openDriver != nil else { return }
        let calls = self.openCalls.filter { !$0.isOver }
        for call in calls {
            do throws(RPCError) {
                for interceptor in self.server.routes.interceptors { try interceptor.recheck(call.context) }
            } catch {
                call.end(error)
            }
        }
        if !calls.isEmpty { self.watchAccess() }
    }

    // MARK: What is half done

    /// Begins to look whether what is half done goes on. To be called when something is.
    func watchStalls() {
        guard self.clocks.stallTimer == nil, self.openDriver != nil else { return }
        // Four looks within the shortest limit.
        let interval = max(1_000_000, self.server.configuration.connections.halfDoneMin / 4)
        self.clocks.stallTimer = self.loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(interval))) {
            self.clocks.stallTimer = nil
            self.lookForStalls()
        }
    }

    private func lookForStalls() {
        guard let driver = self.openDriver else { return }
        let now = NIODeadline.now().uptimeNanoseconds
        let headerBlock = self.session.openHeaderBlock
        let output = driver.isOutputBlocked ? driver.sentBytes - driver.blockedBytes : nil
        if let reason = self.clocks.stalls.look(at: now, headerBlock: headerBlock, output: output) {
            self.session.submitGoAway(.enhanceYourCalm, debugText: reason)
            return driver.fail(HTTP2SessionError(reason: reason))
        }
        let calls = self.openCalls.filter { $0.isHalfDone }
        self.lookForStalls(of: calls, at: now)
        if headerBlock != nil || output != nil || !calls.isEmpty { self.watchStalls() }
        self.scheduleFlush()
    }

    private func lookForStalls(of calls: [ServerCall], at now: UInt64) {
        let before = self.clocks.marks
        self.clocks.marks = [:]
        for call in calls {
            var marks = before[ObjectIdentifier(call)] ?? StallWatch.CallMarks()
            let verdict = self.clocks.stalls.look(at: now, &marks, request: call.requestProgress, response: call.responseProgress)
            self.clocks.marks[ObjectIdentifier(call)] = marks
            switch verdict {
            case .none: break
            case .requestStalled: call.end(RPCError(code: .deadlineExceeded, message: "the rest of a request message did not come"))
            case .responseStalled: call.cutOff(RPCError(code: .cancelled, message: "the client does not take the response"))
            }
        }
    }
}

// MARK: - A call's progress

extension ServerCall {
    var isHalfDone: Bool { self.requestProgress != nil || self.responseProgress != nil }

    /// Bytes received, while a message is incomplete that the client could go on with; nil otherwise.
    var requestProgress: Int? { self.awaitsRestOfMessage ? self.receivedBytes : nil }

    /// Bytes sent, while there are more to send; nil otherwise.
    var responseProgress: Int? { self.stream.bufferedBytes > 0 ? self.sentBytes - self.stream.bufferedBytes : nil }
}
