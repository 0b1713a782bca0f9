/// Who calls. An object, so that a call carries it by a reference.
package final class Principal: Sendable, Hashable {
    /// Names the principal in logs, limits and what it makes.
    package let id: String
    /// Whose things it sees and changes.
    package let tenant: String
    package let role: Role
    package let limits: PrincipalLimits

    package init(id: String, tenant: String, role: Role, limits: PrincipalLimits = PrincipalLimits()) {
        self.id = id
        self.tenant = tenant
        self.role = role
        self.limits = limits
    }

    package static func == (left: Principal, right: Principal) -> Bool {
        left === right
            || left.id == right.id && left.tenant == right.tenant && left.role == right.role && left.limits == right.limits
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.id)
        hasher.combine(self.tenant)
    }

    /// The caller of a server without configured identities, which therefore listens on loopback only.
    package static let local = Principal(id: "local", tenant: "default", role: .admin)

    /// Whoever gave no token, for the few methods that need none. Those of one host share one limit, so that a flood from
    /// elsewhere takes nothing from an orchestrator's probe.
    package static let anonymous = Principal(id: "", tenant: "", role: .monitor)
}

/// What one principal is held to, beside what holds for everybody. nil sets no limit of its own.
package struct PrincipalLimits: Sendable, Hashable {
    /// Instead of the server's default, in the long run and at once.
    package var callsPerSecond: Int?
    package var burst: Int?
    /// Calls that are at work or wait, over all its connections.
    package var concurrentCalls: Int?
    /// Machines that it asked for and that are not proven gone: their number, and millionths of a dollar per hour.
    package var maxInstances: Int?
    package var maxHourlySpendMicros: Int64?

    package init(
        callsPerSecond: Int? = nil, burst: Int? = nil, concurrentCalls: Int? = nil, maxInstances: Int? = nil,
        maxHourlySpendMicros: Int64? = nil
    ) {
        self.callsPerSecond = callsPerSecond
        self.burst = burst
        self.concurrentCalls = concurrentCalls
        self.maxInstances = maxInstances
        self.maxHourlySpendMicros = maxHourlySpendMicros
    }
}

/// Why a call is not let in.
package enum AccessRefusal: Error, Sendable, Hashable {
    /// No token, or not of the form `Bearer TOKEN`, and a connection that proves nothing of use.
    case noCredentials
    /// A token that is not known, or whose time is over; which of both is not said.
    case unknownCredentials
    /// The role does not include the method, or nobody may call it.
    case notPermitted(needed: Role?)
    /// Too many calls; the earliest time for the next.
    case tooManyCalls(retryAfter: Duration)
    /// As many calls of the principal as it may have are at work.
    case tooManyConcurrentCalls(limit: Int, retryAfter: Duration)
    /// The server has too much to do for the call to be answered in time.
    case overloaded(retryAfter: Duration)
}
