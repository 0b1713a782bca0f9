/// What a principal may do. Each includes the ones before it.
package enum Role: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Health, metrics and server information, nothing else; outside the callers' rate limit.
    case monitor
    /// Reads what belongs to its tenant.
    case viewer
    /// Changes what belongs to its tenant.
    case `operator`
    /// Everything.
    case admin

    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .monitor: 0
        case .viewer: 1
        case .operator: 2
        case .admin: 3
        }
    }
}
