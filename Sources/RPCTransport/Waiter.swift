internal import RPCCore
internal import Synchronization

/// One suspended task and what it waits for: messages, or something that has no value, which is answered with nil. Whoever answers first, the
/// connection or the task's cancellation, is heard.
// Not generic: what a stream waits for would be looked up by its type each time.
final class Waiter: Sendable {
    typealias Answer = Result<MessageBatch?, RPCError>

    private enum State {
        case idle
        case waiting(CheckedContinuation<Answer, Never>)
        /// Answered before the task came to wait.
        case answered(Answer)
        case over
    }

    private let state = Mutex(State.idle)

    /// Suspends until the answer. To be called once.
    @discardableResult
    nonisolated(nonsending) func wait() async throws(RPCError) -> MessageBatch? {
        try await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in self.suspend(continuation) }
        } onCancel: {
            self.answer(.failure(.taskCancelled))
        }.get()
    }

    /// - Returns: false when the task has been answered already: what was to be given to it is still the caller's.
    @discardableResult
    func answer(_ answer: Answer) -> Bool {
        let (isFirst, continuation) = self.state.withLock { state -> (Bool, CheckedContinuation<Answer, Never>?) in
            switch state {
            case .idle:
                state = .answered(answer)
                return (true, nil)
            case .waiting(let continuation):
                state = .over
                return (true, continuation)
            case .answered, .over:
                return (false, nil)
            }
        }
        continuation?.resume(returning: answer)
        return isFirst
    }

    private func suspend(_ continuation: CheckedContinuation<Answer, Never>) {
        let early = self.state.withLock { state -> Answer? in
            guard case .answered(let answer) = state else {
                state = .waiting(continuation)
                return nil
            }
            state = .over
            return answer
        }
        if let early { continuation.resume(returning: early) }
    }
}
