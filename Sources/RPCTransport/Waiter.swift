internal import RPCCore
internal import Synchronization

/// One suspended task and what it waits for. Whoever answers first, the connection or the task's cancellation, is heard.
final class Waiter<Value: Sendable>: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Result<Value, RPCError>, Never>)
        /// Answered before the task came to wait.
        case answered(Result<Value, RPCError>)
        case over
    }

    private let state = Mutex(State.idle)

    /// Suspends until the answer. To be called once.
    nonisolated(nonsending) func wait() async throws(RPCError) -> Value {
        try await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in self.suspend(continuation) }
        } onCancel: {
            self.answer(.failure(RPCError(code: .cancelled, message: "the task was cancelled")))
        }.get()
    }

    /// - Returns: false when the task has been answered already: what was to be given to it is still the caller's.
    @discardableResult
    func answer(_ result: Result<Value, RPCError>) -> Bool {
        let (isFirst, continuation) = self.state.withLock { state -> (Bool, CheckedContinuation<Result<Value, RPCError>, Never>?) in
            switch state {
            case .idle:
                state = .answered(result)
                return (true, nil)
            case .waiting(let continuation):
                state = .over
                return (true, continuation)
            case .answered, .over:
                return (false, nil)
            }
        }
        continuation?.resume(returning: result)
        return isFirst
    }

    private func suspend(_ continuation: CheckedContinuation<Result<Value, RPCError>, Never>) {
        let early = self.state.withLock { state -> Result<Value, RPCError>? in
            guard case .answered(let result) = state else {
                state = .waiting(continuation)
                return nil
            }
            state = .over
            return result
        }
        if let early { continuation.resume(returning: early) }
    }
}
