internal import Synchronization

/// The server's wish that a call end: its connection is old, or the server goes away.
struct EndRequest {
    var isMade = false
    /// Those that wait for it, each under a number of its own.
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var lastNumber = 0
}

extension ServerContext {
    /// Asks the handler to end the call soon. Only handlers without an end of their own need to hear it, and answer with a status after which
    /// the caller repeats the call elsewhere. Idempotent.
    package func askToEnd() {
        let waiting = self.endRequest.withLock { request in
            request.isMade = true
            defer { request.waiting = [:] }
            return request.waiting
        }
        for continuation in waiting.values { continuation.resume() }
    }

    package var isAskedToEnd: Bool { self.endRequest.withLock { $0.isMade } }

    /// What `body` answers; nil when the call was asked to end first, which cancels the body.
    @discardableResult
    package func unlessAskedToEnd<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await body() }
            group.addTask {
                await self.untilAskedToEnd()
                return nil
            }
            let first = try await group.next() ?? nil
            try Task.checkCancellation()
            return first
        }
    }

    /// Returns when it is, or when the task is cancelled.
    private func untilAskedToEnd() async {
        let number = self.endRequest.withLock { request in
            request.lastNumber += 1
            return request.lastNumber
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.endRequest.withLock { request in
                    guard !request.isMade, !Task.isCancelled else { return true }
                    request.waiting[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.endRequest.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
        }
    }
}
