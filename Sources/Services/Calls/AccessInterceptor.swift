package import Access
package import Fleet
package import RPCCore

/// Lets a call in, or not: who calls, what its role may do, how often and how much at once it may call.
package struct AccessInterceptor: ServerInterceptor {
    private let authenticator: Authenticator
    private let limiter: RateLimiter
    private let concurrency = ConcurrencyLimiter()
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
            try LoadShedding.check(
                principal, timeLeft: context.deadline.map { context.beganAt.duration(to: $0) }, queueDelay: context.queueDelay)
            let name = principal.id.isEmpty ? Self.host(of: context.peer) : nil
            try self.limiter.admit(principal, as: name, at: self.start.duration(to: context.beganAt))
            try self.concurrency.begin(principal)
            context.principal = principal
        } catch {
            throw ErrorDetails(error).error
        }
    }

    /// Without the port, which each connection has another of. No principal has such a name.
    private static func host(of peer: String) -> String { "\u{0}" + peer[..<(peer.lastIndex(of: ":") ?? peer.endIndex)] }

    /// The token may have been withdrawn, its time or the certificate's may be over, and the table may give its bearer another role.
    package func recheck(_ context: ServerContext) throws(RPCError) {
        guard let known = context.principal as? Principal else { return }
        do throws(AccessRefusal) {
            let principal = try self.principal(of: context)
            guard principal.id == known.id, principal.tenant == known.tenant else { throw .unknownCredentials }
            try MethodRoles.table.check(principal, for: MethodKey(context.method))
        } catch {
            throw ErrorDetails(error).error
        }
    }

    private func principal(of context: ServerContext) throws(AccessRefusal) -> Principal {
        let authorization = context.requestMetadata["authorization"]
        let last = context.memo?.value as? Authenticator.Verified
        var verified = last
        defer { if verified !== last { context.memo?.value = verified } }
        do throws(AccessRefusal) {
            return try self.authenticator.principal(
                authorization: authorization, verified: &verified, proofs: context.identity?.proofs(at: self.clock.now.seconds) ?? [],
                at: self.clock.now.seconds)
        } catch {
            guard authorization == nil, error == .noCredentials, MethodRoles.withoutToken.contains(MethodKey(context.method)) else {
                throw error
            }
            return .anonymous
        }
    }

    package func completed(_ context: ServerContext, _ outcome: CallOutcome) {
        if let principal = context.principal as? Principal { self.concurrency.end(principal) }
    }
}

extension PeerIdentity {
    /// As the table of principals lists it: a certificate itself before its names, and a URI, which names one party, before a host. A certificate
    /// whose time is over proves nothing: its connection may be older, or resumed.
    fileprivate func proofs(at now: Int64) -> [Proof] {
        switch self {
        case .certificate(let certificate) where now > certificate.expiresAt: []
        case .certificate(let certificate):
            [.fingerprint(certificate.fingerprint)] + certificate.uris.map { .uri($0) } + certificate.dnsNames.map { .dnsName($0) }
        case .process(let process): [.userID(process.userID)]
        }
    }
}
