internal import CivilTime
internal import FoundationEssentials
internal import NovitaiProto

/// What `/health` shows.
struct HealthReport: Encodable, Sendable {
    enum Status: String, Encodable, Sendable {
        case healthy
        case degraded
        case unhealthy
    }

    struct Check: Encodable, Sendable {
        var status: Status
        var checkedAt: String?
        var latencyMilliseconds: Double
        var detail: String

        enum CodingKeys: String, CodingKey {
            case status
            case checkedAt = "checked_at"
            case latencyMilliseconds = "latency_ms"
            case detail
        }
    }

    var status: Status
    var version: String
    var uptimeSeconds: Int64
    var checks: [String: Check]

    enum CodingKeys: String, CodingKey {
        case status
        case version
        case uptimeSeconds = "uptime_seconds"
        case checks
    }

    /// What the server says of itself.
    init(_ health: NovitaiV1.Health) {
        self.status = Status(health.status)
        self.version = health.version
        self.uptimeSeconds = health.uptime?.seconds ?? 0
        self.checks = Dictionary(
            health.checks.map { check in
                let latency = check.latency.map { Double($0.seconds) * 1000 + Double($0.nanos) / 1_000_000 }
                return (
                    check.name,
                    Check(
                        status: Status(check.status),
                        checkedAt: check.checkedAt.map { RFC3339.text(seconds: $0.seconds, nanoseconds: $0.nanos, digits: 3) },
                        latencyMilliseconds: latency ?? 0,
                        detail: check.detail)
                )
            }, uniquingKeysWith: { $1 })
    }

    /// The server does not answer.
    init(unreachable reason: String) {
        self.status = .unhealthy
        self.version = ""
        self.uptimeSeconds = 0
        self.checks = ["rpc": Check(status: .unhealthy, checkedAt: nil, latencyMilliseconds: 0, detail: reason)]
    }

    func json(_ formatting: JSONEncoder.OutputFormatting = []) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting.union(.sortedKeys)
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// Takes requests and its store writes.
    var isReady: Bool {
        self.status != .unhealthy && self.checks["store"]?.status == .healthy && self.checks["rpc"]?.status != .unhealthy
    }
}

extension HealthReport.Status {
    /// A status word that this version does not know counts as degraded: it serves, somebody should look.
    fileprivate init(_ status: NovitaiV1.HealthStatus) {
        switch status {
        case .healthy: self = .healthy
        case .unhealthy: self = .unhealthy
        default: self = .degraded
        }
    }
}
