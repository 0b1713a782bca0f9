import Dispatch
import Fleet
import Foundation
import GRDB
import Synchronization

/// The thread that runs all operations of a store: whatever arrived while the last group was being made durable is the next group,
/// so that concurrent commits share one fsync and a lone one does not wait for company.
///
/// It is a thread and not a task because an fsync blocks, and the threads that run tasks are few.
final class StoreThread: Sendable {
    private struct Closing {
        var isOver = false
        var waiters: [CheckedContinuation<Void, Never>] = []
        /// Of which there is one at a time (`BackupSlot`).
        var copy: Copy?
    }

    /// A copy of the database that somebody waits for.
    private struct Copy {
        let destination: DatabaseQueue
        let completion: @Sendable (Result<Void, StoreError>) -> Void
    }

    private let core: SQLiteCore
    private let queue: Mutex<OperationQueue>
    private let statistics = Mutex(SQLiteStatistics())
    private let closing = Mutex(Closing())
    private let wakeUp = DispatchSemaphore(value: 0)

    init(_ core: SQLiteCore) {
        self.core = core
        self.queue = Mutex(OperationQueue(limits: core.limits))
    }

    func start() {
        let thread = Thread { self.run() }
        thread.name = "store"
        thread.start()
    }

    func submit(_ item: BatchItem) {
        switch self.queue.withLock({ $0.append(item, at: .now) }) {
        case .accepted(let wakes):
            if wakes { self.wakeUp.signal() }
        case .refused(let error):
            self.statistics.withLock { $0.refused += 1 }
            item.reject(error)
        }
    }

    /// What was submitted before is still done.
    func requestClose() {
        if self.queue.withLock({ $0.close() }) { self.wakeUp.signal() }
    }

    /// Returns when the file is closed.
    func close() async {
        self.requestClose()
        await withCheckedContinuation { continuation in
            let isOver = self.closing.withLock { closing in
                if !closing.isOver { closing.waiters.append(continuation) }
                return closing.isOver
            }
            if isOver { continuation.resume() }
        }
    }

    /// Copies the database while commits go on. The thread does it, between the groups: the connection is one, and this thread's.
    func copy(to destination: DatabaseQueue) async throws(StoreError) {
        let result = await withCheckedContinuation { continuation in
            let isOver = self.closing.withLock { closing in
                if !closing.isOver { closing.copy = Copy(destination: destination) { continuation.resume(returning: $0) } }
                return closing.isOver
            }
            if isOver {
                continuation.resume(returning: Result<Void, StoreError>.failure(.unavailable("the store is closed")))
            } else {
                self.wakeUp.signal()
            }
        }
        try result.get()
    }

    func currentStatistics() -> SQLiteStatistics {
        var statistics = self.statistics.withLock { $0 }
        statistics.queued = self.queue.withLock { $0.count }
        statistics.walBytes = self.core.walBytes
        return statistics
    }

    private func run() {
        while true {
            if let copy = self.takeCopy() { self.make(copy) }
            switch self.queue.withLock({ $0.next() }) {
            case .group(let group):
                self.observe(group) { self.core.apply($0) }
                if let due = self.core.dueCheckpoint { self.checkpoint(due) }
            case .nothing:
                self.sleep()
            case .end:
                self.core.close()
                self.finishClosing()
                return
            }
        }
    }

    private func observe(_ group: [OperationQueue.Entry], _ apply: ([BatchItem]) -> Void) {
        let begin = ContinuousClock.now
        apply(group.map(\.item))
        let end = ContinuousClock.now
        self.statistics.withLock { statistics in
            statistics.groupSize.observe(Double(group.count))
            statistics.groupLatency.observe((end - begin).inSeconds)
            for entry in group { statistics.operationLatency.observe((end - entry.submittedAt).inSeconds) }
        }
    }

    /// Until something arrives. Quiet time is used to write back the log.
    private func sleep() {
        self.core.renewMark(olderThan: self.core.limits.markAgeMax)
        let quiet = DispatchTimeInterval.microseconds(Int(self.core.limits.idleBeforeCheckpoint.wholeMicroseconds))
        guard self.wakeUp.wait(timeout: .now() + quiet) == .timedOut else { return }
        self.checkpoint(self.core.walBytes > self.core.limits.walBytesMax ? .truncating : .overwriting)
        self.wakeUp.wait()
    }

    private func checkpoint(_ kind: SQLiteCore.Checkpoint) {
        let begin = ContinuousClock.now
        do {
            guard try self.core.checkpoint(kind) else { return }
            let duration = ContinuousClock.now - begin
            self.statistics.withLock { $0.checkpointLatency.observe(duration.inSeconds) }
        } catch {
            self.statistics.withLock { $0.failedCheckpoints += 1 }
        }
    }

    private func finishClosing() {
        let (waiters, copy) = self.closing.withLock { closing in
            closing.isOver = true
            defer { (closing.waiters, closing.copy) = ([], nil) }
            return (closing.waiters, closing.copy)
        }
        copy?.completion(.failure(.unavailable("the store is closed")))
        for waiter in waiters { waiter.resume() }
    }
}

extension StoreThread {
    private func takeCopy() -> Copy? {
        self.closing.withLock { closing in
            defer { closing.copy = nil }
            return closing.copy
        }
    }

    private func make(_ copy: Copy) {
        do throws(StoreError) {
            try self.core.copy(to: copy.destination) { try self.serve(between: $0) }
            copy.completion(.success(()))
        } catch {
            copy.completion(.failure(error))
        }
    }

    /// Between two steps of a copy: one group, or a pause in which one may come. A store that is asked to close does not wait for the copy.
    private func serve(between database: Database) throws {
        var next = self.queue.withLock { $0.next() }
        if case .nothing = next {
            let pause = DispatchTimeInterval.microseconds(Int(self.core.limits.backupPause.wholeMicroseconds))
            if self.wakeUp.wait(timeout: .now() + pause) == .success { next = self.queue.withLock { $0.next() } }
        }
        switch next {
        case .group(let group):
            self.observe(group) { self.core.apply($0, in: database) }
            if let due = self.core.dueCheckpoint { _ = try? self.core.checkpoint(database, due) }
        case .nothing: break
        case .end: throw StoreError.unavailable("the store is closed")
        }
    }
}
