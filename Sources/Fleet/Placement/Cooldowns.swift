internal import Synchronization

/// Candidates that refused for want of capacity a moment ago: they are not asked again for a while, by anybody. Kept in memory
/// only, since forgetting one costs a refusal and nothing more.
package final class Cooldowns: Sendable {
    /// How long a refused candidate rests. Long enough that a burst of creates does not ask a sold-out place one after the other,
    /// short enough that returning stock is found.
    package static let duration: Duration = .seconds(60)

    private struct Rest {
        var gpuCount: Int
        var until: Timestamp
    }

    private let resting = Mutex<[CandidateKey: Rest]>([:])

    package init() {}

    /// The place has refused so many GPUs in one machine; it may still have fewer.
    package func refused(_ candidate: CandidateKey, gpuCount: Int, at now: Timestamp) {
        self.resting.withLock { resting in
            resting = resting.filter { $0.value.until > now }
            let known = resting[candidate]?.gpuCount ?? gpuCount
            resting[candidate] = Rest(gpuCount: min(known, gpuCount), until: now + Self.duration)
        }
    }

    /// Until when not to ask the place for so many GPUs in one machine; nil when it can be asked.
    package func end(for candidate: CandidateKey, gpuCount: Int, at now: Timestamp) -> Timestamp? {
        self.resting.withLock { resting in
            guard let rest = resting[candidate], rest.until > now, gpuCount >= rest.gpuCount else { return nil }
            return rest.until
        }
    }
}
