package import Fleet
internal import Synchronization

/// What background checks found, for anybody to read in microseconds.
package final class HealthBoard: Sendable {
    package enum Check: String, Sendable, CaseIterable {
        case rpc
        case store
        case jobs
        case upstream
        case reconciler
        case balance

        /// Without it the server does not serve; without the others it serves and somebody should look.
        var isEssential: Bool { self == .rpc || self == .store }
    }

    package enum Status: Int, Sendable, Comparable {
        case healthy
        case degraded
        case unhealthy

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    package struct Finding: Sendable, Hashable {
        package var status: Status
        package var detail: String
        package var latency: Duration
        package var checkedAt: Timestamp
        /// A finding older than this no longer counts: the check itself is stuck.
        package var validFor: Duration

        package init(_ status: Status, _ detail: String, latency: Duration = .zero, checkedAt: Timestamp, validFor: Duration) {
            self.status = status
            self.detail = detail
            self.latency = latency
            self.checkedAt = checkedAt
            self.validFor = validFor
        }
    }

    package struct Report: Sendable {
        package var status: Status
        package var findings: [(check: Check, finding: Finding?)]
    }

    private let findings = Mutex<[Check: Finding]>([:])

    package init() {}

    package func record(_ finding: Finding, of check: Check) {
        self.findings.withLock { $0[check] = finding }
    }

    package func report(at now: Timestamp) -> Report {
        let findings = self.findings.withLock { $0 }
        let current = Check.allCases.map { (check: $0, finding: findings[$0].map { Self.aged($0, at: now) }) }
        let worst = current.map { check, finding -> Status in
            let status = finding?.status ?? .degraded
            return check.isEssential ? status : min(status, .degraded)
        }
        return Report(status: worst.max() ?? .degraded, findings: current)
    }

    private static func aged(_ finding: Finding, at now: Timestamp) -> Finding {
        guard finding.checkedAt + finding.validFor < now else { return finding }
        var finding = finding
        finding.status = .unhealthy
        finding.detail = "not checked for \((now - finding.checkedAt).components.seconds) s; then: \(finding.detail)"
        return finding
    }
}
