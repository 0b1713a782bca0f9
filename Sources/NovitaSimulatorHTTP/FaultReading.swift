internal import NovitaSimulator

extension Fault {
    /// A day: no test waits longer for a late call.
    private static let delayMax = 86_400_000

    /// Reads the body of `POST /_sim/faults`.
    init(reading body: FieldReader) throws(APIError) {
        try body.expectOnly([
            "method", "path", "kind", "times", "probability", "status", "reason", "message", "delay_ms", "retry_after",
        ])
        let kind = try body.string("kind")
        try Self.checkFields(of: kind, in: body)
        let delay = Duration.milliseconds(try body.integer("delay_ms", in: 0...Self.delayMax) ?? 0)
        let effect = try Self.effect(named: kind, delay: delay, body)
        let probability = try body.number("probability", in: 0...1)
        let times = try body.integer("times", in: 1...1_000_000)
        // A late call's delay and a stale list's lag say when, not how long the caller waits.
        let isTime = kind == "late" || kind == "stale_list"
        self.init(
            effect, method: try Self.method(body), path: try Self.path(body, listOnly: effect.needsInstanceList),
            times: times ?? (probability == nil ? 1 : nil), probability: probability ?? 1, delay: isTime ? .zero : delay)
    }

    private static func checkFields(of kind: String, in body: FieldReader) throws(APIError) {
        let kinds: [(field: String, kinds: Set<String>)] = [
            ("status", ["status_before", "status_after", "html"]), ("reason", ["status_before", "status_after"]),
            ("message", ["status_before", "status_after"]), ("retry_after", ["rate_limit"]),
        ]
        for (field, allowed) in kinds where body.has(field) && !allowed.contains(kind) {
            throw .invalid(field, "only for kind \(allowed.sorted().joined(separator: ", "))")
        }
        let needed: [(field: String, kinds: Set<String>)] = [
            ("status", ["status_before", "status_after"]), ("delay_ms", ["delay", "late", "stale_list"]),
        ]
        for (field, needing) in needed where needing.contains(kind) && !body.has(field) {
            throw .invalid(field, "required for kind \(kind)")
        }
    }

    private static func effect(named kind: String, delay: Duration, _ body: FieldReader) throws(APIError) -> Effect {
        switch kind {
        case "delay": return .delay
        case "drop_before": return .dropBefore
        case "drop_after": return .dropAfter
        case "late": return .late(by: delay)
        case "status_before": return .statusBefore(try Self.error(body))
        case "status_after": return .statusAfter(try Self.error(body))
        case "html": return .html(status: try body.integer("status", in: 400...599) ?? 502)
        case "rate_limit": return .rateLimit(retryAfter: try body.integer("retry_after", in: 0...86_400))
        case "short_page": return .shortPage
        case "stale_list":
            guard delay <= NovitaSimulator.listLagMax else {
                throw .invalid("delay_ms", "a list lags at most \(NovitaSimulator.listLagMax.wholeMicroseconds / 1000)")
            }
            return .staleList(lag: delay)
        default:
            throw .invalid(
                "kind",
                "expected delay, drop_before, drop_after, late, status_before, status_after, html, rate_limit, stale_list or short_page")
        }
    }

    private static func error(_ body: FieldReader) throws(APIError) -> APIError {
        var error = APIError.named(by: try body.integer("status", in: 400...599) ?? 500)
        let reason = try body.string("reason")
        let message = try body.string("message")
        if !reason.isEmpty { error.reason = reason }
        if !message.isEmpty { error.message = message }
        return error
    }

    private static func method(_ body: FieldReader) throws(APIError) -> String? {
        let method = try body.string("method")
        guard !method.isEmpty, method != "*" else { return nil }
        guard method == "GET" || method == "POST" else { throw .invalid("method", "expected GET, POST or *") }
        return method
    }

    /// A path that is not served could never strike: it is a mistake.
    private static func path(_ body: FieldReader, listOnly: Bool) throws(APIError) -> String? {
        let path = try body.string("path")
        guard !path.isEmpty, path != "*" else { return nil }
        let endpoints = Endpoint.allCases.filter { $0.path == path || $0.fullPath == path }
        guard !endpoints.isEmpty else { throw .invalid("path", "no such path of the API: \"\(path)\"") }
        guard !listOnly || endpoints.contains(.listInstances) else {
            throw .invalid("path", "this kind is for \(Endpoint.listInstances.path) only")
        }
        return path
    }
}
