import Synchronization
import Testing

@testable import Access

/// Stands for SHA-256: any function will do that gives different tokens different digests.
@Sendable private func digest(_ token: [UInt8]) -> [UInt8] { Array((token + Array(repeating: 0, count: 32)).prefix(32)) }

private final class CountingDigest: Sendable {
    private let count = Mutex(0)
    var calls: Int { self.count.withLock { $0 } }
    @Sendable func callAsFunction(_ token: [UInt8]) -> [UInt8] {
        self.count.withLock { $0 += 1 }
        return digest(token)
    }
}

private let viewer = Principal(id: "t-1", tenant: "search", role: .viewer)
private let table = PrincipalTable([
    TokenEntry(digest: digest(Array("first".utf8)), principal: viewer, expiresAt: nil),
    TokenEntry(digest: digest(Array("second".utf8)), principal: Principal(id: "t-2", tenant: "a", role: .operator), expiresAt: 100),
])

extension Authenticator {
    /// For the first call of a connection.
    fileprivate func principal(authorization value: String?, proofs: [Proof] = [], at now: Int64) throws(AccessRefusal) -> Principal {
        var verified: Verified?
        return try self.principal(authorization: value, verified: &verified, proofs: proofs, at: now)
    }
}

@Suite("Who calls")
struct AuthenticatorTests {
    @Test(
        "a bearer token names its principal; anything else is refused",
        arguments: [
            ("Bearer first", .success("t-1")), ("bearer first", .success("t-1")), ("BEARER  first", .success("t-1")),
            ("Bearer second", .success("t-2")), (nil, .failure(.noCredentials)), ("", .failure(.noCredentials)),
            ("Bearer ", .failure(.noCredentials)), ("Bearer", .failure(.noCredentials)), ("Basic first", .failure(.noCredentials)),
            ("first", .failure(.noCredentials)), ("Bearer third", .failure(.unknownCredentials)),
            ("Bearer first ", .failure(.unknownCredentials)),
            ("Bearer " + String(repeating: "x", count: 5000), .failure(.noCredentials)),
        ] as [(String?, Result<String, AccessRefusal>)])
    func token(_ value: String?, gives wanted: Result<String, AccessRefusal>) {
        let authenticator = Authenticator(table, digest: digest)
        for _ in 0..<2 {
            let result = Result<Principal, AccessRefusal> { () throws(AccessRefusal) in
                try authenticator.principal(authorization: value, at: 50)
            }
            #expect(result.map(\.id) == wanted)
        }
    }

    @Test("a token ends at its time, also when it is remembered")
    func expiry() throws {
        let authenticator = Authenticator(table, digest: digest)
        #expect(try authenticator.principal(authorization: "Bearer second", at: 99).id == "t-2")
        #expect(throws: AccessRefusal.unknownCredentials) { try authenticator.principal(authorization: "Bearer second", at: 100) }
    }

    @Test("a verified value is not hashed again, an unknown one is every time")
    func remembered() throws {
        let counting = CountingDigest()
        let authenticator = Authenticator(table, digest: { counting($0) })
        for _ in 0..<100 { _ = try authenticator.principal(authorization: "Bearer first", at: 0) }
        #expect(counting.calls == 1)
        for _ in 0..<5 { _ = try? authenticator.principal(authorization: "Bearer wrong", at: 0) }
        #expect(counting.calls == 6)
    }

    @Test("a new table forgets what was verified by the old one")
    func replaced() throws {
        let authenticator = Authenticator(table, digest: digest)
        _ = try authenticator.principal(authorization: "Bearer first", at: 0)
        authenticator.replace(PrincipalTable([]))
        #expect(throws: AccessRefusal.unknownCredentials) { try authenticator.principal(authorization: "Bearer first", at: 0) }
    }

    @Test("what a connection's last call verified counts for the same value alone, until its time is over or the table is another")
    func lastCall() throws {
        let counting = CountingDigest()
        let authenticator = Authenticator(table, digest: { counting($0) })
        var verified: Authenticator.Verified?
        func caller(_ value: String?, at now: Int64) -> Result<String, AccessRefusal> {
            Result { () throws(AccessRefusal) in try authenticator.principal(authorization: value, verified: &verified, at: now).id }
        }
        #expect(caller("Bearer second", at: 0) == .success("t-2"))
        let first = try #require(verified)
        #expect(caller("Bearer second", at: 99) == .success("t-2") && verified === first && counting.calls == 1)
        #expect(caller("Bearer second", at: 100) == .failure(.unknownCredentials))
        #expect(caller("Bearer secone", at: 0) == .failure(.unknownCredentials) && verified == nil)
        #expect(caller("Bearer first", at: 0) == .success("t-1") && verified != nil)
        #expect(caller(nil, at: 0) == .failure(.noCredentials))
        #expect(caller("Bearer second", at: 0) == .success("t-2"))
        authenticator.replace(PrincipalTable([]))
        #expect(caller("Bearer second", at: 0) == .failure(.unknownCredentials))
        authenticator.replace(table)
        // What an earlier table said, handed in again.
        verified = first
        #expect(caller("Bearer second", at: 0) == .success("t-2") && verified !== first)
        authenticator.replace(nil)
        #expect(caller("Bearer second", at: 0) == .success("local"))
    }

    @Test("what is remembered is bounded")
    func bounded() throws {
        let entries = (0..<(Authenticator.rememberedMax + 10)).map { number in
            TokenEntry(
                digest: digest(Array("token-\(number)".utf8)), principal: Principal(id: "\(number)", tenant: "t", role: .viewer),
                expiresAt: nil)
        }
        let authenticator = Authenticator(PrincipalTable(entries), digest: digest)
        for number in 0..<entries.count {
            #expect(try authenticator.principal(authorization: "Bearer token-\(number)", at: 0).id == "\(number)")
        }
        #expect(authenticator.rememberedCount <= Authenticator.rememberedMax)
    }

    @Test(
        "without a token what the connection proves decides, the first that is listed, and only that",
        arguments: [
            ([.uri("spiffe://x/ann")], "ann"), ([.fingerprint([1]), .dnsName("bob.example")], "bob"), ([.userID(7), .uri("u")], "root"),
            ([.uri("spiffe://x/anna")], nil), ([.dnsName("spiffe://x/ann")], nil), ([.userID(8)], nil), ([], nil),
        ] as [([Proof], String?)])
    func proofs(_ proofs: [Proof], _ id: String?) {
        func principal(_ id: String) -> Principal { Principal(id: id, tenant: "t", role: .viewer) }
        let authenticator = Authenticator(
            PrincipalTable(
                tokens: TokenTable([TokenEntry(digest: digest(Array("first".utf8)), principal: viewer, expiresAt: nil)]),
                proofs: [
                    .uri("spiffe://x/ann"): principal("ann"), .dnsName("bob.example"): principal("bob"), .userID(7): principal("root"),
                ]),
            digest: digest)
        let result = Result<Principal, AccessRefusal> { () throws(AccessRefusal) in
            try authenticator.principal(authorization: nil, proofs: proofs, at: 0)
        }
        #expect(result.map(\.id) == (id.map { .success($0) } ?? .failure(.noCredentials)))
        // A token counts alone, also when it is wrong.
        #expect(throws: AccessRefusal.unknownCredentials) { try authenticator.principal(authorization: "Bearer x", proofs: proofs, at: 0) }
        #expect((try? authenticator.principal(authorization: "Bearer first", proofs: proofs, at: 0)) == viewer)
    }

    @Test("without a table every caller is the local one")
    func local() throws {
        #expect(try Authenticator(nil, digest: digest).principal(authorization: nil, at: 0) == .local)
    }

    @Test(
        "equality in constant time is equality",
        arguments: [([], [], true), ([1], [1], true), ([1], [2], false), ([1], [1, 2], false)] as [([UInt8], [UInt8], Bool)])
    func equality(_ left: [UInt8], _ right: [UInt8], _ wanted: Bool) {
        #expect(isEqualInConstantTime(left.span, right.span) == wanted)
    }

    @Test("a difference in any bit of any byte is seen", arguments: 1...25)
    func everyByte(_ count: Int) {
        let left = (0..<count).map { UInt8($0) }
        func isEqual(_ other: [UInt8]) -> Bool { isEqualInConstantTime(left.span, other.span) }
        #expect(isEqual(left))
        for index in left.indices {
            for bit in 0..<8 {
                var right = left
                right[index] ^= 1 << bit
                #expect(!isEqual(right))
            }
        }
    }
}

@Suite("What a caller may do")
struct AuthorizationTests {
    private static let rules = AuthorizationTable(["/s/Health": .monitor, "/s/Get": .viewer, "/s/Create": .operator, "/s/Freeze": .admin])

    @Test("a role includes the ones before it", arguments: Array(Role.allCases.enumerated()).map { ($0.offset, $0.element) })
    func roles(_ rank: Int, _ role: Role) {
        let principal = Principal(id: "p", tenant: "t", role: role)
        for (needed, path) in ["/s/Health", "/s/Get", "/s/Create", "/s/Freeze"].enumerated() {
            let isAllowed = (try? Self.rules.check(principal, for: path)) != nil
            #expect(isAllowed == (needed <= rank))
        }
    }

    @Test("a method that is not in the table is denied to everybody")
    func denied() {
        #expect(throws: AccessRefusal.notPermitted(needed: nil)) { try Self.rules.check(.local, for: "/s/Unknown") }
    }
}

@Suite("Which calls an overloaded server takes")
struct LoadSheddingTests {
    @Test(
        "those that it can answer in time, and none once the queue is too long; who watches over the server always gets through",
        arguments: [
            (0, 1, true), (100, 1, true), (101, 1, false), (200, 399, false), (200, 400, true), (200, nil, true), (999, nil, true),
            (1000, nil, false), (1000, 60_000, false),
        ] as [(Int, Int?, Bool)])
    func shed(_ delay: Int, _ timeLeft: Int?, _ isTaken: Bool) {
        func isAdmitted(_ role: Role) -> Bool {
            let principal = Principal(id: "p", tenant: "t", role: role)
            do throws(AccessRefusal) {
                try LoadShedding.check(principal, timeLeft: timeLeft.map { .milliseconds($0) }, queueDelay: .milliseconds(delay))
                return true
            } catch {
                #expect(error == .overloaded(retryAfter: .milliseconds(2 * delay)))
                return false
            }
        }
        for role in [Role.viewer, .operator, .admin] { #expect(isAdmitted(role) == isTaken) }
        #expect(isAdmitted(.monitor))
    }
}

@Suite("How often a caller may call")
struct RateLimiterTests {
    @Test("a burst is allowed, then the rate, apart for each principal")
    func buckets() throws {
        let limiter = RateLimiter(perSecond: 10, burst: 3)
        let other = Principal(id: "other", tenant: "t", role: .viewer)
        for _ in 0..<3 { try limiter.admit(viewer, at: .zero) }
        #expect(throws: AccessRefusal.tooManyCalls(retryAfter: .milliseconds(100))) { try limiter.admit(viewer, at: .zero) }
        try limiter.admit(other, at: .zero)
        try limiter.admit(viewer, at: .milliseconds(100))
        #expect(throws: AccessRefusal.self) { try limiter.admit(viewer, at: .milliseconds(150)) }
        for _ in 0..<3 { try limiter.admit(viewer, at: .seconds(1000)) }
        #expect(throws: AccessRefusal.self) { try limiter.admit(viewer, at: .seconds(1000)) }
    }

    @Test("a principal's own limits hold instead of the default, and new ones from the next call on")
    func ownLimits() throws {
        let limiter = RateLimiter(perSecond: 1, burst: 1)
        func principal(_ limits: PrincipalLimits) -> Principal { Principal(id: "p", tenant: "t", role: .viewer, limits: limits) }
        let wide = principal(PrincipalLimits(callsPerSecond: 100, burst: 3))
        for _ in 0..<3 { try limiter.admit(wide, at: .zero) }
        #expect(throws: AccessRefusal.tooManyCalls(retryAfter: .milliseconds(10))) { try limiter.admit(wide, at: .zero) }
        try limiter.admit(principal(PrincipalLimits()), at: .zero)
        #expect(throws: AccessRefusal.tooManyCalls(retryAfter: .seconds(1))) { try limiter.admit(principal(PrincipalLimits()), at: .zero) }
    }

    @Test("calls at one time are limited for who has such a limit, and an ended one makes room")
    func concurrency() throws {
        let limiter = ConcurrencyLimiter()
        let two = Principal(id: "two", tenant: "t", role: .viewer, limits: PrincipalLimits(concurrentCalls: 2))
        for _ in 0..<100 { try limiter.begin(viewer) }
        for _ in 0..<2 { try limiter.begin(two) }
        #expect(throws: AccessRefusal.tooManyConcurrentCalls(limit: 2, retryAfter: .seconds(1))) { try limiter.begin(two) }
        limiter.end(two)
        try limiter.begin(two)
        for _ in 0..<2 { limiter.end(two) }
        #expect(limiter.principalCount == 0)
    }

    @Test("monitors have a bound of their own")
    func monitor() throws {
        let limiter = RateLimiter(perSecond: 1, burst: 1)
        let monitor = Principal(id: "m", tenant: "t", role: .monitor)
        for _ in 0..<RateLimiter.monitorPerSecond { try limiter.admit(monitor, at: .zero) }
        #expect(throws: AccessRefusal.self) { try limiter.admit(monitor, at: .zero) }
    }
}
