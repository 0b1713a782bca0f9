/// Who calls.
package struct Principal: Sendable, Hashable {
    /// Names the principal in logs and limits: the id of its token.
    package let id: String
    /// Whose things it sees and changes.
    package let tenant: String
    package let role: Role

    package init(id: String, tenant: String, role: Role) {
        self.id = id
        self.tenant = tenant
        self.role = role
    }

    /// The caller of a server without configured identities, which therefore listens on loopback only.
    package static let local = Principal(id: "local", tenant: "default", role: .admin)

    /// Whoever gave no token, for the few methods that need none. All of them share one limit.
    package static let anonymous = Principal(id: "", tenant: "", role: .monitor)
}

/// Why a call is not let in.
package enum AccessRefusal: Error, Sendable, Hashable {
    /// No token, or not of the form `Bearer TOKEN`.
    case noCredentials
    /// A token that is not known, or whose time is over; which of both is not said.
    case unknownCredentials
    /// The role does not include the method, or nobody may call it.
    case notPermitted(needed: Role?)
    /// Too many calls; the earliest time for the next.
    case tooManyCalls(retryAfter: Duration)
}
