package import Fleet

/// The circuits to the provider: one for reaching it at all, and one for each of its endpoints, so that one that is broken does not
/// keep others from being called. A pure value: it is told the time.
///
/// What releases machines passes every circuit: a call that fails costs nothing, and a machine that stays costs money.
package struct Circuits: Sendable {
    /// What came of a call.
    package enum Outcome: Sendable {
        /// An answer, be it a refusal.
        case answered
        /// A 5xx: the endpoint is broken, the provider has been reached.
        case broken
        /// A transport failure: no endpoint is any better.
        case unreached
        /// The call ended for reasons of ours.
        case none
    }

    private var provider = CircuitBreaker()
    /// By path, of which there are as many as the API has; only those that have failed and not succeeded since.
    private var endpoints: [String: CircuitBreaker] = [:]
    /// No circuit has opened since the newest answer.
    package private(set) var isAnswering = true

    package init() {}

    /// Nil: the call may be made; see `begin`. Otherwise when to ask again.
    package func reopening(of path: String, for priority: CallPriority, at now: Timestamp) -> Timestamp? {
        guard priority != .release else { return nil }
        return [self.provider.reopening(at: now), self.endpoints[path]?.reopening(at: now)].compactMap(\.self).max()
    }

    /// A call is made, and must be reported to `record`.
    package mutating func begin(_ path: String, at now: Timestamp) {
        self.provider.begin(at: now)
        self.endpoints[path]?.begin(at: now)
    }

    package mutating func record(_ outcome: Outcome, of path: String, at now: Timestamp) {
        let wasClosed = self.areClosed(for: path)
        switch outcome {
        case .answered:
            self.provider.record(.alive, at: now)
            self.endpoints[path] = nil
            self.isAnswering = true
        case .broken:
            self.provider.record(.alive, at: now)
            self.endpoints[path, default: CircuitBreaker()].record(.failing, at: now)
        case .unreached:
            self.provider.record(.failing, at: now)
            self.endpoints[path]?.record(.none, at: now)
        case .none:
            self.provider.record(.none, at: now)
            self.endpoints[path]?.record(.none, at: now)
        }
        // A trial that fails says nothing new.
        if zip(wasClosed, self.areClosed(for: path)).contains(where: { $0 && !$1 }) { self.isAnswering = false }
    }

    private func areClosed(for path: String) -> [Bool] { [self.provider.isClosed, self.endpoints[path]?.isClosed ?? true] }
}
