internal import Fleet
internal import Synchronization
package import Traces

/// Spans that wait for export, bounded: a span that finds it full is dropped and counted, and who ended it never waits.
package final class SpanQueue: Sendable {
    private struct State {
        var spans: [SpanRecord] = []
        var dropped = 0
    }

    private let limit: Int
    private let batchSize: Int
    private let state = Mutex(State())
    /// Raised when a batch is full.
    let batches = Signal()

    /// - Parameters:
    ///   - limit: spans that may wait.
    ///   - batchSize: as many as are sent together at most.
    package init(limit: Int, batchSize: Int) {
        self.limit = limit
        self.batchSize = min(batchSize, limit)
    }

    package func append(_ span: SpanRecord) {
        let isBatch = self.state.withLock { state in
            guard state.spans.count < self.limit else {
                state.dropped += 1
                return false
            }
            state.spans.append(span)
            return state.spans.count == self.batchSize
        }
        if isBatch { self.batches.raise() }
    }

    /// The oldest, as many as go together.
    func takeBatch() -> [SpanRecord] {
        self.state.withLock { state in
            let batch = Array(state.spans.prefix(self.batchSize))
            state.spans.removeFirst(batch.count)
            return batch
        }
    }

    var hasBatch: Bool { self.count >= self.batchSize }
    package var count: Int { self.state.withLock { $0.spans.count } }
    /// Spans that found it full.
    package var dropped: Int { self.state.withLock { $0.dropped } }
}
