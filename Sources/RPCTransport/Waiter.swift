internal import RPCCore
internal import Synchronization

/// One suspended task and what it waits for: messages, or something that has no value, which is answered with nil. Whoever answers first, the
/// connection or the task's cancellation, is heard.
// Not generic: what a stream waits for would be looked up by its type each time.
final class Waiter: Sendable {
    typealias Answer = Result<MessageBatch?, RPCError>

    /// The suspended task. It goes on exactly once, as its continuation demands: whoever takes this out of the state leaves `over` there, so that
    /// nobody finds it again; and a connection answers all that wait on it before it ends. A checked continuation would find out the same, and take
    /// one fortieth of the time of a stream of 1000-byte messages.
    @safe
    private struct Suspended: Sendable {
        private let continuation: UnsafeContinuation<Answer, Never>

        init(_ continuation: UnsafeContinuation<Answer, Never>) { unsafe self.continuation = continuation }

        func resume(_ answer: Answer) { unsafe self.continuation.resume(returning: answer) }
    }

    private enum State {
        case idle
        case waiting(Suspended)
        /// Answered before the task came to wait.
        case answered(Answer)
        case over
    }

    private let state = Mutex(State.idle)

    /// Suspends until the answer. To be called once.
    @discardableResult
    nonisolated(nonsending) func wait() async throws(RPCError) -> MessageBatch? {
        try await withTaskCancellationHandler {
            // The closure keeps the continuation nowhere but in the state.
            await unsafe withUnsafeContinuation { continuation in unsafe self.suspend(Suspended(continuation)) }
        } onCancel: {
            self.answer(.failure(.taskCancelled))
        }.get()
    }

    /// - Returns: false when the task has been answered already: what was to be given to it is still the caller's.
    @discardableResult
    func answer(_ answer: Answer) -> Bool {
        let (isFirst, task) = self.state.withLock { state -> (Bool, Suspended?) in
            switch state {
            case .idle:
                state = .answered(answer)
                return (true, nil)
            case .waiting(let task):
                state = .over
                return (true, task)
            case .answered, .over:
                return (false, nil)
            }
        }
        task?.resume(answer)
        return isFirst
    }

    private func suspend(_ task: Suspended) {
        let early = self.state.withLock { state -> Answer? in
            guard case .answered(let answer) = state else {
                state = .waiting(task)
                return nil
            }
            state = .over
            return answer
        }
        if let early { task.resume(early) }
    }
}
