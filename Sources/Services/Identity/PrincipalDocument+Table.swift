package import Access
internal import CivilTime

extension PrincipalDocument {
    /// Principals, and tokens, at most: a file that one can still look through.
    static let entriesMax = TokenTable.entriesMax
    private static let callsRange = 1...10_000_000
    private static let instancesRange = 0...1_000_000
    private static let dollarsRange = 0.0...1_000_000

    /// Checks everything and makes the table that calls are judged by. No entry at all is allowed: then nobody is let in.
    package func table() throws(Failure) -> PrincipalTable {
        let principals = try self.principalsByID()
        return PrincipalTable(tokens: TokenTable(try self.tokenEntries(principals)), proofs: try self.proofs(principals))
    }

    private func principalsByID() throws(Failure) -> [String: Principal] {
        let entries = (self.principals ?? []).map(\.value)
        guard entries.count <= Self.entriesMax else { throw Failure(description: "must hold at most \(Self.entriesMax) principals") }
        var principals: [String: Principal] = [:]
        for (index, entry) in entries.enumerated() {
            let place = "principals[\(index)]"
            guard !entry.id.isEmpty, principals[entry.id] == nil else {
                throw Failure(description: "\(place).id must be there, and differ from the others")
            }
            let limits = try Self.limits(entry.limits?.value ?? Limits(), at: "\(place).limits")
            principals[entry.id] = try Self.principal(entry.id, tenant: entry.tenant, role: entry.role, limits, at: place)
        }
        return principals
    }

    private static func principal(
        _ id: String, tenant: String?, role: String?, _ limits: PrincipalLimits, at place: String
    ) throws(Failure) -> Principal {
        guard let role = role.flatMap(Role.init(rawValue:)) else {
            throw Failure(description: "\(place).role must be one of \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard let tenant, !tenant.isEmpty else { throw Failure(description: "\(place).tenant must not be empty") }
        return Principal(id: id, tenant: tenant, role: role, limits: limits)
    }

    private static func limits(_ limits: Limits, at place: String) throws(Failure) -> PrincipalLimits {
        func check(_ value: Int?, _ range: ClosedRange<Int>, _ key: Limits.CodingKeys) throws(Failure) {
            guard value.map(range.contains) ?? true else {
                throw Failure(description: "\(place).\(key.rawValue) must be \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check(limits.callsPerSecond, self.callsRange, .callsPerSecond)
        try check(limits.burst, self.callsRange, .burst)
        try check(limits.concurrentCalls, self.callsRange, .concurrentCalls)
        try check(limits.maxInstances, self.instancesRange, .maxInstances)
        guard limits.maxHourlySpend.map(self.dollarsRange.contains) ?? true else {
            throw Failure(description: "\(place).max_hourly_spend must be 0 to 1000000 US dollars")
        }
        return PrincipalLimits(
            callsPerSecond: limits.callsPerSecond, burst: limits.burst, concurrentCalls: limits.concurrentCalls,
            maxInstances: limits.maxInstances, maxHourlySpendMicros: limits.maxHourlySpend.map { Int64(($0 * 1_000_000).rounded()) })
    }

    // MARK: Tokens

    private func tokenEntries(_ principals: [String: Principal]) throws(Failure) -> [TokenEntry] {
        let tokens = (self.tokens ?? []).map(\.value)
        guard tokens.count <= Self.entriesMax else { throw Failure(description: "must hold at most \(Self.entriesMax) tokens") }
        var entries: [TokenEntry] = []
        var ids: Set<String> = []
        var digests: Set<[UInt8]> = []
        for (index, token) in tokens.enumerated() {
            guard !token.id.isEmpty, ids.insert(token.id).inserted else {
                throw Failure(description: "tokens[\(index)].id must be there, and differ from the others")
            }
            let entry = try Self.entry(token, principals, at: "tokens[\(index)]")
            // To revoke one of two entries would leave the token alive.
            guard digests.insert(entry.digest).inserted else { throw Failure(description: "tokens[\(index)].sha256 is listed twice") }
            entries.append(entry)
        }
        return entries
    }

    private static func entry(_ token: Token, _ principals: [String: Principal], at place: String) throws(Failure) -> TokenEntry {
        guard let digest = Hexadecimal.bytes(token.sha256), digest.count == TokenEntry.digestBytes else {
            throw Failure(description: "\(place).sha256 must have 64 hexadecimal digits")
        }
        var expiresAt: Int64?
        if let text = token.expiresAt {
            guard let seconds = RFC3339.seconds(of: text) else {
                throw Failure(description: "\(place).expires_at must look like 2027-01-01T00:00:00Z")
            }
            expiresAt = seconds
        }
        return TokenEntry(digest: digest, principal: try self.owner(of: token, principals, at: place), expiresAt: expiresAt)
    }

    private static func owner(of token: Token, _ principals: [String: Principal], at place: String) throws(Failure) -> Principal {
        guard let id = token.principal else {
            guard principals[token.id] == nil else {
                throw Failure(description: "\(place).id is that of a principal; to belong to it the token needs \"principal\"")
            }
            return try self.principal(token.id, tenant: token.tenant, role: token.role, PrincipalLimits(), at: place)
        }
        guard token.tenant == nil, token.role == nil else {
            throw Failure(description: "\(place) must have a principal, or a tenant and a role, not both")
        }
        guard let principal = principals[id] else { throw Failure(description: "\(place).principal is not among the principals") }
        return principal
    }

    // MARK: What connections prove

    private func proofs(_ principals: [String: Principal]) throws(Failure) -> [Proof: Principal] {
        var proofs: [Proof: Principal] = [:]
        for (index, entry) in (self.principals ?? []).map(\.value).enumerated() {
            guard let principal = principals[entry.id] else { continue }
            var found: [(Proof, String)] = []
            for (number, certificate) in (entry.certificates ?? []).map(\.value).enumerated() {
                let place = "principals[\(index)].certificates[\(number)]"
                found.append((try Self.proof(certificate, at: place), place))
            }
            for (number, userID) in (entry.userIDs ?? []).enumerated() {
                found.append((.userID(userID), "principals[\(index)].user_ids[\(number)]"))
            }
            for (proof, place) in found where proofs.updateValue(principal, forKey: proof) != nil {
                throw Failure(description: "\(place) is listed twice")
            }
        }
        return proofs
    }

    private static func proof(_ certificate: Certificate, at place: String) throws(Failure) -> Proof {
        switch (certificate.uri, certificate.dns, certificate.sha256) {
        case (let uri?, nil, nil) where !uri.isEmpty: return .uri(uri)
        case (nil, let name?, nil) where !name.isEmpty: return .dnsName(name.lowercased())
        case (nil, nil, let text?):
            guard let digest = Hexadecimal.bytes(text), digest.count == TokenEntry.digestBytes else {
                throw Failure(description: "\(place).sha256 must have 64 hexadecimal digits")
            }
            return .fingerprint(digest)
        default: throw Failure(description: "\(place) must have one of uri, dns and sha256")
        }
    }
}
