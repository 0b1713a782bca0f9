package import Fleet
package import Logging
internal import OTLPProto
package import RPCCore
internal import Synchronization
internal import Traces

/// Sends spans to a collector, batch by batch: when one is full, or after a while. Whatever becomes of them, nobody else waits or fails.
package final class TraceExporter: Sendable {
    /// One export call, over after the given time.
    package typealias Send = @Sendable (ExportRequest, Duration) async -> Result<ExportResponse, RPCError>

    private struct State {
        var isFinishing = false
        /// When it was last said that the collector does not take spans.
        var complainedAt: Timestamp?
    }

    package let queue: SpanQueue
    package let metrics: TraceMetrics
    private let resource: TraceResource
    private let delay: Duration
    private let timeout: Duration
    private let exportTime: Duration
    private let clock: any Clock
    private let random: RandomSource
    private let log: Logger
    private let send: Send
    private let state = Mutex(State())
    private let finishing = Signal()

    /// - Parameters:
    ///   - delay: a span waits at most about so long for others to go with.
    ///   - timeout: one export call.
    ///   - exportTime: all export calls of one batch, with the pauses between them.
    package init(
        queue: SpanQueue, resource: TraceResource, delay: Duration, timeout: Duration, exportTime: Duration, clock: any Clock,
        random: RandomSource, log: Logger, send: @escaping Send
    ) {
        self.queue = queue
        self.metrics = TraceMetrics(queue: queue)
        self.resource = resource
        self.delay = delay
        self.timeout = timeout
        self.exportTime = exportTime
        self.clock = clock
        self.random = random
        self.log = log
        self.send = send
    }

    /// Exports while `body` runs, and what is left then within `flushTime`.
    package nonisolated(nonsending) func exporting(during body: nonisolated(nonsending) () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.run() }
            let result: Result<Void, any Error>
            do {
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            self.finish()
            group.addTask { await self.clock.sleep(until: self.clock.now + TraceExportLimits.flushTime) }
            try await group.next()
            group.cancelAll()
            try result.get()
        }
    }

    /// Returns after `finish` once nothing is left, or when cancelled.
    package func run() async {
        while !Task.isCancelled {
            let seen = self.queue.batches.count
            let isLast = self.isFinishing
            if !isLast, !self.queue.hasBatch { await self.wait(after: seen) }
            let batch = self.queue.takeBatch()
            if !batch.isEmpty { await self.deliver(batch) }
            if isLast, batch.isEmpty { return }
        }
        self.metrics.note(lost: self.drain())
    }

    /// Nothing is waited for any more: what is there is sent once, and after a failure the rest is dropped.
    package func finish() {
        self.state.withLock { $0.isFinishing = true }
        self.finishing.raise()
        self.queue.batches.raise()
    }

    private var isFinishing: Bool { self.state.withLock { $0.isFinishing } }

    private func wait(after seen: UInt64) async {
        await self.queue.batches.wait(after: seen, until: self.clock.now + self.delay, clock: self.clock)
    }

    private func drain() -> Int {
        var count = 0
        while case let batch = self.queue.takeBatch(), !batch.isEmpty { count += batch.count }
        return count
    }

    // MARK: Delivery

    private func deliver(_ spans: [SpanRecord]) async {
        let request = ExportRequest(spans, of: self.resource)
        var attempts = BatchAttempts(until: self.clock.now + self.exportTime)
        while true {
            switch await self.send(request, min(self.timeout, attempts.timeLeft(at: self.clock.now))) {
            case .success(let response): return self.delivered(spans.count, response)
            case .failure(let error):
                self.metrics.note(failure: error.code)
                self.complain(error)
                guard !self.isFinishing, !Task.isCancelled else { return self.metrics.note(lost: spans.count + self.drain()) }
                var random = self.random
                let pause = attempts.failed(error, at: self.clock.now, random: .random(in: -1...1, using: &random))
                guard let pause else { return self.metrics.note(lost: spans.count) }
                await self.finishing.wait(after: 0, until: self.clock.now + pause, clock: self.clock)
            }
        }
    }

    private func delivered(_ count: Int, _ response: ExportResponse) {
        let rejected = response.partialSuccess.map { Int(clamping: $0.rejectedSpans) } ?? 0
        self.metrics.note(exported: count, rejected: min(max(0, rejected), count))
    }

    /// The collector's own words are no part of it: they may repeat what it was sent.
    private func complain(_ error: RPCError) {
        let now = self.clock.now
        let isTime = self.state.withLock { state in
            if let last = state.complainedAt, now - last < TraceExportLimits.logInterval { return false }
            state.complainedAt = now
            return true
        }
        guard isTime else { return }
        self.log.warning("spans are not taken by their collector", metadata: ["status": "\(error.code)"])
    }
}
