internal import CivilTime
internal import CurlClient
internal import Fleet
internal import JSONText

/// What a reply that is no success means.
///
/// The API writes `{"code": 400, "reason": "NAME", "message": "text"}`, in several variants; the status is 400 for most refusals.
/// A gateway in front of it answers in HTML or plain text, and then nobody knows what the API did.
struct Refusal: Equatable {
    let status: Int
    /// The symbolic name, empty when there is none.
    let name: String
    /// For people.
    let text: String
    /// The API itself answered, not something in front of it.
    let isFromAPI: Bool
    private let subject: APIRequest.Subject

    /// Enough to recognise an error by; what the provider writes is not trusted to be short.
    private static let textMax = 500

    init(status: Int, body: [UInt8], about subject: APIRequest.Subject = .other) {
        let json = try? JSON(parsing: body)
        let nested = json?["error"] ?? .null
        let code = json?["code"] ?? .null
        let names = [json?["reason"], code, nested["code"]].compactMap { $0?.string }
        let texts = [json?["message"], json?["errorMessage"], nested, nested["message"], json?["reason"], json?["title"]].compactMap {
            $0?.string
        }
        self.status = status
        self.subject = subject
        self.name = names.first(where: Self.isName) ?? ""
        let text = texts.first { !$0.isEmpty }
        self.isFromAPI = text != nil || !self.name.isEmpty
        self.text = Self.printable(text ?? String(decoding: body.prefix(Self.textMax), as: UTF8.self))
    }

    /// `NOT_FOUND` alone is the word of gateways: the API says what it does not find.
    private static func isName(_ text: String) -> Bool {
        text.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || $0 == UInt8(ascii: "_") }
            && !text.isEmpty && text != "NOT_FOUND"
    }

    private static func printable(_ text: String) -> String {
        String(text.prefix(Self.textMax).map { $0.unicodeScalars.contains { $0.properties.generalCategory == .control } ? " " : $0 })
    }

    func failure(retryAfter: Duration?) -> CallFailure {
        let code = self.code
        // A 4xx of the API is its word that nothing was done. 5xx, 3xx and gateways give no such word.
        let isFinal =
            (400..<500).contains(self.status) && self.status != 408 && (self.isFromAPI || code == .unauthorized || code == .rateLimited)
        let message = self.text.isEmpty ? "status \(self.status)" : "\(self.status) \(self.text)"
        return CallFailure(code, message, retryAfter: retryAfter, mayHaveBeenProcessed: !isFinal)
    }

    var code: CloudError.Code {
        switch self.status {
        case 500...: .unavailable
        case 401, 403: .unauthorized
        case 429: .rateLimited
        case 400..<500 where self.isFromAPI: self.codeByName ?? self.codeByText ?? (self.isUnknownPath ? .unavailable : .invalidRequest)
        // A timeout, a page for an unknown path, a redirect: from something in front of the API.
        default: .unavailable
        }
    }

    /// A gateway writes JSON as well when it knows no such path. The API has a name for what it does not find.
    private var isUnknownPath: Bool { self.status == 404 && self.name.isEmpty }

    private static let names: [(CloudError.Code, Set<String>)] = [
        (
            .unauthorized,
            [
                "UNAUTHORIZED", "FORBIDDEN", "INVALID_API_KEY", "GET_TOKEN_FAILED", "INVALID_USER_TOKEN", "USER_NOT_FOUND",
                "USER_NOT_ACTIVATED", "BANNED_USER", "INVALID_USER_OR_PASSWORD",
            ]
        ),
        (.rateLimited, ["RATE_LIMIT_EXCEEDED", "SEND_CODE_TOO_FAST", "LIST_BILL_TOO_FAST"]),
        (
            .money,
            [
                "BALANCE_NOT_ENOUGH", "EXPIRED_OR_BALANCE_NOT_ENOUGH", "CREATE_INSTANCE_LIMIT", "PREPAID_INSTANCE_NOT_SUPPORT_RELEASE",
                "WALLET_NOT_FOUND",
            ]
        ),
        (.capacity, ["INSUFFICIENT_RESOURCE", "MIGRATE_INSUFFICIENT_RESOURCE", "GPU_SPEC_USED", "CLUSTER_STATUS", "NODE_STATUS"]),
        (.invalidState, ["CONFLICT", "DEPENDENT_RESOURCE_STATE"]),
    ]

    private var codeByName: CloudError.Code? {
        Self.names.first { $0.1.contains(self.name) }?.0 ?? self.code(ofMissing: self.name)
    }

    /// The name may stand in the text alone, or there may be no name at all.
    private var codeByText: CloudError.Code? {
        if let match = Self.names.first(where: { $0.1.contains { self.text.contains($0) } }) { return match.0 }
        let words = self.text.split { !$0.isLetter && !$0.isNumber && !"_/-.".contains($0) }
        if let code = words.lazy.compactMap({ self.code(ofMissing: $0) }).first { return code }
        let text = self.text.lowercased()
        if text.contains("not found") || text.contains("not fount") { return self.code(ofMissingIn: Set(words.map { $0.lowercased() })) }
        let known: [(String, CloudError.Code)] = [
            ("balance", .money), ("insufficient", .capacity), ("invalid state change", .invalidState),
        ]
        return known.first { text.contains($0.0) }?.1
    }
}

// MARK: - What is not there

extension Refusal {
    /// The names for a machine of the account. Any other is about something that belongs to it, and leaves it where it is.
    private static let machineNames: Set<String> = ["RESOURCE_NOT_FOUND", "INSTANCE_NOT_FOUND"]
    /// What the API's texts may say to be missing. A gateway misses other things, or does not say what.
    private static let things: Set<String> = [
        "instance", "network", "storage", "template", "job", "image", "auth", "order", "product", "prewarm", "cluster",
    ]
    private static let gatewayThings: Set<String> = ["page", "path", "route", "url", "host", "service", "server", "upstream"]

    /// Nil for a name that says nothing of the kind.
    private func code(ofMissing name: some StringProtocol) -> CloudError.Code? {
        guard name.hasSuffix("_NOT_FOUND") else { return nil }
        return self.code(isSubject: self.subject != .machine || Self.machineNames.contains(String(name)))
    }

    /// Nil for a text that does not say that something of the API is missing.
    private func code(ofMissingIn words: Set<String>) -> CloudError.Code? {
        guard !words.isDisjoint(with: Self.things), words.isDisjoint(with: Self.gatewayThings) else { return nil }
        return self.code(isSubject: self.subject != .machine || words.contains("instance"))
    }

    /// A call about a machine that misses something else must be judged by reading the machine.
    private func code(isSubject: Bool) -> CloudError.Code { isSubject ? .notFound : .invalidState }
}

extension HTTPResponse {
    /// When the provider made the reply, in whole seconds (RFC 9110, section 6.6.1).
    var date: Timestamp? { self.header("Date").flatMap { HTTPDate.seconds(of: $0) }.map { Timestamp(seconds: $0) } }

    /// `Retry-After` in seconds (RFC 9110, section 10.2.3), bounded. A date is not read: the usual backoff applies then.
    var retryAfter: Duration? {
        guard let text = self.header("Retry-After"), let seconds = Int(text), seconds >= 0 else { return nil }
        return min(.seconds(seconds), RetryPolicy.retryAfterMax)
    }
}
