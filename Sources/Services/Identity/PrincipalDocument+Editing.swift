internal import CivilTime

extension PrincipalDocument {
    /// A token that is to be made.
    package struct NewToken: Sendable {
        /// Whose it is: one that is there, or a new one.
        package var principal: String
        /// Required for a new principal; those of one that is there are not changed by this.
        package var tenant: String?
        package var role: String?
        /// Those that are set take the place of the principal's.
        package var limits: Limits
        package var createdAt: Int64
        /// Seconds since 1970; nil never ends.
        package var expiresAt: Int64?

        package init(
            principal: String, tenant: String? = nil, role: String? = nil, limits: Limits = Limits(), createdAt: Int64,
            expiresAt: Int64? = nil
        ) {
            self.principal = principal
            self.tenant = tenant
            self.role = role
            self.limits = limits
            self.createdAt = createdAt
            self.expiresAt = expiresAt
        }
    }

    /// Names end up in lists, logs and metrics.
    private static let nameLengths = 1...64

    /// Adds a token of which only the digest is known here.
    ///
    /// - Returns: its id: the principal's with a number behind it.
    package mutating func add(_ new: NewToken, digest: [UInt8]) throws(Failure) -> String {
        guard Self.isName(new.principal) else {
            throw Failure(description: "a principal's id must have 1 to 64 letters, digits, '-', '_' or '@'")
        }
        var copy = self
        try copy.upsertPrincipal(for: new)
        let id = copy.freeTokenID(of: new.principal)
        copy.tokens =
            (copy.tokens ?? []) + [
                Strict(
                    Token(
                        id: id, sha256: Hexadecimal.text(digest), principal: new.principal, createdAt: RFC3339.text(seconds: new.createdAt),
                        expiresAt: new.expiresAt.map { RFC3339.text(seconds: $0) }))
            ]
        _ = try copy.table()
        self = copy
        return id
    }

    private mutating func upsertPrincipal(for new: NewToken) throws(Failure) {
        var entries = self.principals ?? []
        if let index = entries.firstIndex(where: { $0.value.id == new.principal }) {
            let known = entries[index].value
            guard new.role ?? known.role == known.role, new.tenant ?? known.tenant == known.tenant else {
                throw Failure(description: "\(known.id) is there already, with the role \(known.role) in the tenant \(known.tenant)")
            }
            entries[index].value.limits = Self.merged(known.limits?.value, new.limits)
        } else {
            guard let role = new.role else { throw Failure(description: "\(new.principal) is new: it needs a role") }
            entries.append(
                Strict(
                    Entry(id: new.principal, tenant: new.tenant ?? "default", role: role, limits: Self.merged(nil, new.limits))))
        }
        self.principals = entries
    }

    private static func merged(_ old: Limits?, _ new: Limits) -> Strict<Limits>? {
        var limits = old ?? Limits()
        limits.callsPerSecond = new.callsPerSecond ?? limits.callsPerSecond
        limits.burst = new.burst ?? limits.burst
        limits.concurrentCalls = new.concurrentCalls ?? limits.concurrentCalls
        limits.maxInstances = new.maxInstances ?? limits.maxInstances
        limits.maxHourlySpend = new.maxHourlySpend ?? limits.maxHourlySpend
        return limits == Limits() ? nil : Strict(limits)
    }

    /// Higher than any that is there, so that a revoked one's name does not come back while its successor lives.
    private func freeTokenID(of principal: String) -> String {
        let numbers = (self.tokens ?? []).map(\.value.id).filter { $0.hasPrefix("\(principal).") }
            .compactMap { Int($0.dropFirst(principal.count + 1)) }
        return "\(principal).\((numbers.max() ?? 0) + 1)"
    }

    private static func isName(_ text: String) -> Bool {
        self.nameLengths.contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { scalar in
                scalar.isASCII
                    && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil || "-_@".unicodeScalars.contains(scalar))
            }
    }

    /// Removes one token, or a principal with all that is its own.
    ///
    /// - Parameter id: a token's id, or else a principal's.
    /// - Returns: the ids of the tokens that are gone.
    package mutating func revoke(_ id: String) throws(Failure) -> [String] {
        let tokens = (self.tokens ?? []).map(\.value)
        let isPrincipal = !tokens.contains { $0.id == id } && (self.principals ?? []).contains { $0.value.id == id }
        let gone = tokens.filter { isPrincipal ? $0.principal == id : $0.id == id }.map(\.id)
        guard isPrincipal || !gone.isEmpty else { throw Failure(description: "there is no token and no principal \(id)") }
        self.tokens?.removeAll { gone.contains($0.value.id) }
        if isPrincipal { self.principals?.removeAll { $0.value.id == id } }
        return gone
    }

    /// A line of the list: a token, or a principal that is known in another way only. Shows no digest.
    package struct Row: Sendable, Hashable {
        package var principal: String
        package var tenant: String
        package var role: String
        /// `-` for one without a token.
        package var token: String
        package var createdAt: String
        package var expiresAt: String
        package var limits: String
    }

    /// - Parameter now: seconds since 1970.
    package func rows(at now: Int64) -> [Row] {
        let principals = (self.principals ?? []).map(\.value)
        let tokens = (self.tokens ?? []).map(\.value)
        let tokenRows = tokens.map { token in
            let owner = principals.first { $0.id == token.principal }
            return Row(
                principal: owner?.id ?? token.id, tenant: owner?.tenant ?? token.tenant ?? "", role: owner?.role ?? token.role ?? "",
                token: token.id, createdAt: token.createdAt ?? "-", expiresAt: Self.expiry(token.expiresAt, at: now),
                limits: Self.text(owner?.limits?.value))
        }
        let others = principals.filter { principal in !tokens.contains { $0.principal == principal.id } }.map { principal in
            Row(
                principal: principal.id, tenant: principal.tenant, role: principal.role, token: "-", createdAt: "-", expiresAt: "-",
                limits: Self.text(principal.limits?.value))
        }
        return (tokenRows + others).sorted { ($0.principal, $0.token) < ($1.principal, $1.token) }
    }

    private static func expiry(_ text: String?, at now: Int64) -> String {
        guard let text else { return "never" }
        let isOver = RFC3339.seconds(of: text).map { $0 <= now } ?? false
        return isOver ? "\(text) (over)" : text
    }

    private static func text(_ limits: Limits?) -> String {
        guard let limits else { return "-" }
        let parts: [(String, String?)] = [
            ("calls_per_second", limits.callsPerSecond.map(String.init)), ("burst", limits.burst.map(String.init)),
            ("concurrent_calls", limits.concurrentCalls.map(String.init)), ("max_instances", limits.maxInstances.map(String.init)),
            ("max_hourly_spend", limits.maxHourlySpend.map { "\($0)" }),
        ]
        return parts.compactMap { name, value in value.map { "\(name)=\($0)" } }.joined(separator: " ")
    }
}
