package import Access
package import Fleet
package import RPCCore

/// Lets a call in, or not: who calls, what its role may do, how often it may call.
package struct AccessInterceptor: ServerInterceptor {
    private let authenticator: Authenticator
    private let limiter: RateLimiter
    private let clock: any Clock
    private let start = ContinuousClock.now

    package init(authenticator: Authenticator, limiter: RateLimiter, clock: any Clock) {
        self.authenticator = authenticator
        self.limiter = limiter
        self.clock = clock
    }

    package func admit(_ context: ServerContext) throws(RPCError) {
        do throws(AccessRefusal) {
            let principal = try self.principal(of: context)
            try MethodRoles.table.check(principal, for: MethodKey(context.method))
            try self.limiter.admit(principal, at: self.start.duration(to: .now))
            context.principal = principal
        } catch {
            throw ErrorDetails(error).error
        }
    }

    private func principal(of context: ServerContext) throws(AccessRefusal) -> Principal {
        let authorization = context.requestMetadata["authorization"]
        if authorization == nil, self.authenticator.identifies, MethodRoles.withoutToken.contains(MethodKey(context.method)) {
            return .anonymous
        }
        return try self.authenticator.principal(authorization: authorization, at: self.clock.now.seconds)
    }
}
