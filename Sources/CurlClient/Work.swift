/// The requests that the transfer thread has: those waiting for a place, in order, and those under way.
struct Work {
    struct Active {
        let transfer: Transfer
        let reply: Inbox.Reply
    }

    var waiting: [Inbox.Submission] = []
    var active: [UInt64: Active] = [:]

    mutating func nextWaiting() -> Inbox.Submission? {
        waiting.isEmpty ? nil : waiting.removeFirst()
    }

    mutating func removeWaiting(_ id: UInt64) -> Inbox.Submission? {
        waiting.firstIndex { $0.id == id }.map { waiting.remove(at: $0) }
    }

    mutating func removeWaiting(dueAt now: ContinuousClock.Instant) -> [Inbox.Submission] {
        let due = waiting.filter { $0.deadline <= now }
        if !due.isEmpty { waiting.removeAll { $0.deadline <= now } }
        return due
    }

    mutating func removeActive(_ transfer: Transfer) -> Active? {
        active.first { $0.value.transfer === transfer }.flatMap { active.removeValue(forKey: $0.key) }
    }

    /// How long until the first waiting request's deadline; nil when none waits.
    func untilNextExpiry(at now: ContinuousClock.Instant) -> Duration? {
        waiting.map(\.deadline).min().map { now.duration(to: $0) }
    }
}
