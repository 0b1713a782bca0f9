/// Decides about a call before its handler runs, and hears how it ended.
///
/// All functions are synchronous and run on the connection's event loop: microseconds, no locks held for long, no I/O.
package protocol ServerInterceptor: Sendable {
    /// Called once the request's headers are known to be right. May set the context's principal.
    ///
    /// - Throws: the status with which the call ends at once, without its handler.
    func admit(_ context: ServerContext) throws(RPCError)

    /// Called from time to time while the call goes on: what let it in may hold no more.
    ///
    /// - Throws: the status with which the call ends.
    func recheck(_ context: ServerContext) throws(RPCError)

    /// Called once for every admitted call, and for every call that an interceptor refused.
    func completed(_ context: ServerContext, _ outcome: CallOutcome)
}

extension ServerInterceptor {
    package func admit(_ context: ServerContext) throws(RPCError) {}
    package func recheck(_ context: ServerContext) throws(RPCError) {}
    package func completed(_ context: ServerContext, _ outcome: CallOutcome) {}
}

/// How a call ended, for metrics and logs.
package struct CallOutcome: Sendable {
    package var code: RPCError.Code
    /// From the request's headers to the status, or to the reset.
    package var duration: Duration
    /// Message bytes, prefixes included.
    package var receivedBytes: Int
    package var sentBytes: Int

    package init(code: RPCError.Code, duration: Duration, receivedBytes: Int, sentBytes: Int) {
        self.code = code
        self.duration = duration
        self.receivedBytes = receivedBytes
        self.sentBytes = sentBytes
    }
}
