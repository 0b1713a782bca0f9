internal import CivilTime
internal import CurlClient
internal import Fleet
internal import JSONText

/// What a reply that is no success means.
///
/// The API writes `{"code": 400, "reason": "NAME", "message": "text"}`, in several variants; the status is 400 for most refusals.
/// A gateway in front of it answers in HTML, in plain text or in JSON of its own, and then nobody knows what the API did.
struct Refusal: Equatable {
    let status: Int
    /// The symbolic name, empty when there is none.
    let name: String
    /// For people, as it came: not cut, and with whatever secrets it repeats.
    private let text: String
    /// The body is JSON and holds a text or a name.
    private let isWorded: Bool
    /// The body's numeric code is the status, as the API writes it.
    private let repeatsStatus: Bool
    /// And it has the API's three members, which no gateway writes all.
    private let hasFormOfAPI: Bool
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
        self.isWorded = text != nil || !self.name.isEmpty
        self.repeatsStatus = code.integer == status
        self.hasFormOfAPI = self.repeatsStatus && json?["reason"].string.isEmpty == false && json?["message"].string.isEmpty == false
        self.text = text ?? String(decoding: body, as: UTF8.self)
    }

    /// `NOT_FOUND` alone is the word of gateways: the API says what it does not find.
    private static func isName(_ text: String) -> Bool {
        text.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || $0 == UInt8(ascii: "_") }
            && !text.isEmpty && text != "NOT_FOUND"
    }

    func failure(retryAfter: Duration?, hiding redaction: Redaction = Redaction()) -> CallFailure {
        let text = redaction.printable(self.text, atMost: Self.textMax)
        let message = text.isEmpty ? "status \(self.status)" : "\(self.status) \(text)"
        // Whoever refused is known for every other code, and with it that nothing was done.
        return CallFailure(self.code, message, retryAfter: retryAfter, mayHaveBeenProcessed: self.code == .unavailable)
    }

    /// `unavailable` where nobody knows what was done.
    var code: CloudError.Code {
        switch self.status {
        case 401, 403: .unauthorized
        case 429: .rateLimited
        // Whoever measured the request has not passed it on.
        case 413: .invalidRequest
        // The caller's patience ended, not the work: 499 is what a gateway, and a server whose context was cancelled, make of that.
        case 408, 499: .unavailable
        case 400..<500 where self.isWorded: self.codeByName ?? (self.tellsTimeout ? .unavailable : self.codeByText ?? self.unnamedCode)
        // 5xx, a page for an unknown path, a redirect: something broke, or something in front of the API answered.
        default: .unavailable
        }
    }

    /// Of a reply that nothing is known of but its form: a name, the status once more, or a text at a status that the API refuses by.
    /// A gateway writes JSON as well, and without knowing the path it does so with a 404.
    private var unnamedCode: CloudError.Code {
        let isFromAPI = !self.name.isEmpty || (self.repeatsStatus && self.status != 404) || [400, 409, 422].contains(self.status)
        return isFromAPI ? .invalidRequest : .unavailable
    }

    /// Something inside the provider gave up waiting; what it waited for may still be done.
    private var tellsTimeout: Bool {
        let text = "\(self.name.replacing("_", with: " ")) \(self.text)".lowercased()
        let words = ["deadline exceeded", "timeout", "time out", "timed out", "context canceled", "context cancelled"]
        return words.contains { text.contains($0) }
    }

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
        (.invalidRequest, ["VALIDATOR_PARAM", "INVALID_COMMAND_PARAM", "UNSUPPORTED_BILLING_MODE"]),
        // A 500 by the documentation; whatever status it comes with, it says nothing.
        (.unavailable, ["UNKNOWN"]),
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
        // Gateways have balancers.
        if words.contains(where: { $0.lowercased() == "balance" }) { return .money }
        if text.contains("not found") || text.contains("not fount") {
            return self.code(ofMissingIn: Set(words.map { Self.plain($0.lowercased()) }))
        }
        let known: [(String, CloudError.Code)] = [
            ("insufficient", .capacity), ("invalid state change", .invalidState),
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

    /// Without the mark that ends a sentence.
    private static func plain(_ word: String) -> String { word.last?.isLetter == false ? String(word.dropLast()) : word }

    /// Nil for a text that does not say that something of the API is missing. Where it does not say what, it is what was asked about: the API
    /// refuses by 400, or repeats its status; a gateway that does not know a path answers with a 404 of another form than the API's.
    private func code(ofMissingIn words: Set<String>) -> CloudError.Code? {
        guard words.isDisjoint(with: Self.gatewayThings) else { return nil }
        let things = words.filter { word in Self.things.contains { word.hasPrefix($0) } }
        guard things.isEmpty else { return self.code(isSubject: self.subject != .machine || things.contains { $0.hasPrefix("instance") }) }
        return self.status == 400 || (self.status == 404 ? self.hasFormOfAPI : self.repeatsStatus) ? .notFound : nil
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
