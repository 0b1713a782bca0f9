internal import HTTP2Session
internal import NIOCore
internal import RPCCore

/// How far the client has been sent away.
enum DrainState {
    case none
    /// The first GOAWAY is out; the second follows the answer to our PING, or the timer.
    case announced(Scheduled<Void>)
    case final

    var isBegun: Bool {
        if case .none = self { false } else { true }
    }
}

extension ServerConnection {
    static let drainPing: UInt64 = 0x6e6f_7669_7461_6921

    /// Sends the client away without losing a call: GOAWAY without a limit first, so that requests on their way are still taken, then, when
    /// the client has surely seen it, GOAWAY with the last stream taken (RFC 9113, 6.8). What runs goes on.
    func beginDrain(_ reason: String = "graceful_stop") {
        guard !self.isClosed, !self.drain.isBegun else { return }
        self.drainReason = reason
        self.session.submitShutdownNotice(ping: Self.drainPing)
        let delay = TimeAmount(self.server.configuration.goAwayDelay)
        self.drain = .announced(self.loop.assumeIsolated().scheduleTask(in: delay) { self.finishDrain() })
        // Behind the GOAWAY, so that whoever repeats a call that has no end of its own does it on another connection.
        for call in self.openCalls { call.context.askToEnd() }
        self.scheduleFlush()
    }

    func finishDrain() {
        guard !self.isClosed, case .announced(let timer) = self.drain else { return }
        timer.cancel()
        self.drain = .final
        self.session.submitGoAway(.noError, debugText: self.drainReason)
        self.scheduleFlush()
    }

    /// Ends what still runs, with a status that says that it may be repeated elsewhere, and then the connection.
    func endNow(_ reason: String) {
        guard let driver = self.openDriver else { return }
        let error = RPCError(code: .unavailable, message: "the connection is being closed; call again")
        for call in self.openCalls { call.end(error) }
        for stream in self.session.openStreams {
            if let request = stream.owner as? UnreadRequest { self.refuse(stream, request.refusal) }
        }
        self.session.submitGoAway(.noError, debugText: reason)
        driver.close()
    }

    /// Ends the connection with whatever runs on it.
    func abort() { self.driver?.abort() }
}
