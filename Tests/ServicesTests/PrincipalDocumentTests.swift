import Access
import Testing

@testable import Services

extension Authenticator {
    /// For the first call of a connection.
    fileprivate func principal(authorization value: String?, proofs: [Proof] = [], at now: Int64) throws(AccessRefusal) -> Principal {
        var verified: Verified?
        return try self.principal(authorization: value, verified: &verified, proofs: proofs, at: now)
    }
}

@Suite("The file of tokens")
struct TokenFileTests {
    private static let digest = String(repeating: "ab", count: 32)

    private static func file(_ tokens: String) -> String { "{\"tokens\": [\(tokens)]}" }

    private static func token(id: String = "t-1", sha256: String = digest, tenant: String = "a", role: String = "viewer", more: String = "")
        -> String
    {
        "{\"id\": \"\(id)\", \"sha256\": \"\(sha256)\", \"tenant\": \"\(tenant)\", \"role\": \"\(role)\"\(more)}"
    }

    private static func owned(_ principal: String, id: String = "t-1", digit: String = "ab") -> String {
        "{\"id\": \"\(id)\", \"sha256\": \"\(String(repeating: digit, count: 32))\", \"principal\": \"\(principal)\"}"
    }

    private static func principal(id: String = "p", role: String = "viewer", more: String = "") -> String {
        "{\"id\": \"\(id)\", \"tenant\": \"a\", \"role\": \"\(role)\"\(more)}"
    }

    private static func with(_ principals: String, tokens: String = "") -> String {
        "{\"principals\": [\(principals)], \"tokens\": [\(tokens)]}"
    }

    private static func hexadecimal(_ token: String) -> String { Hexadecimal.text(SHA256Digest.of(Array(token.utf8))) }

    @Test("a principal may have several tokens at a time, limits of its own, certificates and users, and no entry lets nobody in")
    func principals() throws {
        let more = """
            , "limits": {"calls_per_second": 5, "burst": 6, "concurrent_calls": 7, "max_instances": 8, "max_hourly_spend": 1.25},
            "certificates": [{"uri": "spiffe://x/p"}, {"dns": "P.example"}, {"sha256": "\(Self.digest)"}], "user_ids": [4711]
            """
        let tokens = ["old", "new"].map { "{\"id\": \"\($0)\", \"sha256\": \"\(Self.hexadecimal($0))\", \"principal\": \"p\"}" }
        let text = Self.with(Self.principal(more: more), tokens: tokens.joined(separator: ","))
        let authenticator = Authenticator(try PrincipalDocument(parsing: text).table(), digest: SHA256Digest.of)
        let wanted = Principal(
            id: "p", tenant: "a", role: .viewer,
            limits: PrincipalLimits(
                callsPerSecond: 5, burst: 6, concurrentCalls: 7, maxInstances: 8, maxHourlySpendMicros: 1_250_000))
        for token in ["old", "new"] {
            #expect(try authenticator.principal(authorization: "Bearer \(token)", at: 0) == wanted)
        }
        let proofs: [Proof] = [
            .uri("spiffe://x/p"), .dnsName("p.example"), .fingerprint([UInt8](repeating: 0xab, count: 32)), .userID(4711),
        ]
        for proof in proofs { #expect(try authenticator.principal(authorization: nil, proofs: [proof], at: 0) == wanted) }
        for empty in ["{}", "{\"tokens\": []}"] {
            authenticator.replace(try PrincipalDocument(parsing: empty).table())
            #expect(throws: AccessRefusal.unknownCredentials) { try authenticator.principal(authorization: "Bearer old", at: 0) }
        }
    }

    @Test("a document that is written is read as it was")
    func written() throws {
        let text = Self.with(Self.principal(more: ", \"limits\": {\"burst\": 2}"), tokens: Self.token())
        let document = try PrincipalDocument(parsing: text)
        #expect(try PrincipalDocument(parsing: document.text) == document)
    }

    @Test("a token is known by its digest until it expires")
    func good() throws {
        let secret = Array("secret".utf8)
        let hexadecimal = Hexadecimal.text(SHA256Digest.of(secret))
        let text = Self.file(
            Self.token(sha256: hexadecimal.uppercased(), role: "operator", more: ", \"expires_at\": \"2027-01-15T08:00:00Z\""))
        let authenticator = Authenticator(try PrincipalDocument(parsing: text).table(), digest: SHA256Digest.of)
        let principal = try authenticator.principal(authorization: "Bearer secret", at: 1_799_999_999)
        #expect(principal == Principal(id: "t-1", tenant: "a", role: .operator))
        #expect(throws: AccessRefusal.unknownCredentials) { try authenticator.principal(authorization: "Bearer secret", at: 1_800_000_000) }
    }

    @Test(
        "a file that is wrong is refused as a whole, and says where, without a digest",
        arguments: [
            ("", "form"), ("[]", "form"), (file(token(sha256: "ab")), "tokens[0].sha256"),
            (file(token(sha256: String(repeating: "zz", count: 32))), "tokens[0].sha256"), (file(token(role: "root")), "tokens[0].role"),
            (file(token(tenant: "")), "tokens[0].tenant"), (file(token() + "," + token()), "tokens[1].id"),
            (file(token(id: "")), "tokens[0].id"), (file(token() + "," + token(id: "other")), "tokens[1].sha256 is listed twice"),
            (file(token(more: ", \"expires_at\": \"tomorrow\"")), "tokens[0].expires_at"),
            (file("{\"id\": \"x\"}"), "tokens[0].sha256 is missing"),
            ("{\"token\": []}", "token is not known"), (file(token(more: ", \"tenent\": \"a\"")), "tokens[0].tenent is not known"),
            (file(token(more: ", \"expires_at\": 5")), "tokens[0].expires_at has the wrong type"),
            (file(token(more: ", \"principal\": \"p\"")), "not both"), (file(owned("p")), "tokens[0].principal is not among"),
            (with(principal(role: "root")), "principals[0].role"), (with(principal() + "," + principal()), "principals[1].id"),
            (with(principal(more: ", \"limits\": {\"max_instance\": 1}")), "principals[0].limits.max_instance is not known"),
            (with(principal(more: ", \"limits\": {\"max_instances\": -1}")), "principals[0].limits.max_instances must be"),
            (with(principal(more: ", \"limits\": {\"max_hourly_spend\": 1e9}")), "principals[0].limits.max_hourly_spend must be"),
            (with(principal(more: ", \"certificates\": [{}]")), "principals[0].certificates[0] must have one"),
            (
                with(principal(more: ", \"certificates\": [{\"uri\": \"u\", \"dns\": \"d\"}]")),
                "principals[0].certificates[0] must have one"
            ),
            (with(principal(more: ", \"certificates\": [{\"sha256\": \"ab\"}]")), "principals[0].certificates[0].sha256"),
            (with(principal(more: ", \"user_ids\": [1, 1]")), "principals[0].user_ids[1] is listed twice"),
            (with(principal(), tokens: token(id: "p")), "tokens[0].id is that of a principal"),
        ])
    func bad(_ text: String, _ wanted: String) {
        let failure = #expect(throws: PrincipalDocument.Failure.self) { try PrincipalDocument(parsing: text).table() }
        #expect(failure?.description.contains(wanted) == true && failure?.description.contains(Self.digest) == false)
    }
}
