internal import Synchronization

/// The transfer thread's side: takes submissions, drives libcurl, answers. `inbox` is the only thing that it shares.
final class TransferLoop: Sendable {
    /// Longest sleep while nothing is due. Wake-ups end it, so it bounds only how long a lost one could matter.
    private static let idleWait: Duration = .seconds(60)

    /// After libcurl broke off, before it is begun anew: one that breaks off each time must not take a processor for itself, and a
    /// client that is shut down meanwhile waits no longer than this.
    private static let restartPause: Duration = .milliseconds(100)

    typealias MakeMulti = @Sendable (HTTPClientConfiguration) throws(HTTPClientError) -> MultiHandle

    private let inbox: Mutex<Inbox>
    /// Replaced by the transfer thread alone, after libcurl broke off.
    private let currentMulti: Mutex<MultiHandle>
    private let makeMulti: MakeMulti
    private let configuration: HTTPClientConfiguration

    private var multi: MultiHandle { currentMulti.withLock { $0 } }

    init(configuration: HTTPClientConfiguration, makeMulti: @escaping MakeMulti) throws(HTTPClientError) {
        inbox = Mutex(Inbox(requestsMax: configuration.requestsMax))
        currentMulti = Mutex(try makeMulti(configuration))
        self.makeMulti = makeMulti
        self.configuration = configuration
    }

    // MARK: From any thread

    func submit(_ submission: Inbox.Submission) {
        if let refusal = inbox.withLock({ $0.submit(submission) }) {
            submission.reply.resume(returning: .failure(refusal))
        } else {
            multi.wakeUp()
        }
    }

    func cancel(_ id: UInt64) {
        inbox.withLock { $0.cancel(id) }
        multi.wakeUp()
    }

    /// `run` answers what is open and returns.
    func close() {
        inbox.withLock { $0.close() }
        multi.wakeUp()
    }

    // MARK: On the transfer thread

    func run() {
        var work = Work()
        while take(into: &work) {
            do throws(MultiHandle.Failure) {
                try turn(&work)
            } catch {
                restart(&work, after: error)
            }
        }
        abandon(&work)
    }

    private func turn(_ work: inout Work) throws(MultiHandle.Failure) {
        expire(&work)
        admit(&work)
        try multi.perform()
        finish(&work)
        expire(&work)
        admit(&work)
        try multi.poll(timeout: work.untilNextExpiry(at: .now) ?? Self.idleWait)
    }

    /// libcurl has lost its own state, or the system has no memory: no transfer under way can be saved. The process is not ended for it:
    /// it is what deletes machines, and a new handle shares nothing with the old one. Where there is none, the old one is tried again.
    private func restart(_ work: inout Work, after failure: MultiHandle.Failure) {
        for active in work.active.values {
            multi.remove(active.transfer)
            answer(active.reply, .failure(active.transfer.failure(.internalFailure, "libcurl broke off: \(failure.message)")))
        }
        work.active = [:]
        TransferThread.pause(Self.restartPause)
        if let fresh = try? makeMulti(configuration) { currentMulti.withLock { $0 = fresh } }
    }

    /// Whether to go on.
    private func take(into work: inout Work) -> Bool {
        let (commands, isClosed) = inbox.withLock { $0.take() }
        for command in commands {
            switch command {
            case .submit(let submission): work.waiting.append(submission)
            case .cancel(let id): cancel(id, in: &work)
            }
        }
        return !isClosed
    }

    private func cancel(_ id: UInt64, in work: inout Work) {
        if let submission = work.removeWaiting(id) {
            answer(submission.reply, .failure(HTTPClientError(.cancelled, mayHaveBeenSent: false, "cancelled while waiting for a place")))
        } else if let active = work.active.removeValue(forKey: id) {
            multi.remove(active.transfer)
            answer(active.reply, .failure(active.transfer.failure(.cancelled, "cancelled")))
        }
    }

    /// Ends the requests whose deadline passed while they waited. libcurl watches over those under way.
    private func expire(_ work: inout Work) {
        let now = ContinuousClock.now
        for submission in work.removeWaiting(dueAt: now) {
            answer(submission.reply, .failure(HTTPClientError(.timedOut, mayHaveBeenSent: false, "the deadline passed before it was sent")))
        }
    }

    /// Starts waiting requests while there are places. Those past their deadline must have been taken out before.
    private func admit(_ work: inout Work) {
        while work.active.count < configuration.activeRequestsMax, let submission = work.nextWaiting() {
            do throws(HTTPClientError) {
                let transfer = try start(submission)
                work.active[submission.id] = Work.Active(transfer: transfer, reply: submission.reply)
            } catch {
                answer(submission.reply, .failure(error))
            }
        }
    }

    private func start(_ submission: Inbox.Submission) throws(HTTPClientError) -> Transfer {
        let timeout = ContinuousClock.now.duration(to: submission.deadline)
        let transfer = try Transfer(submission.request, url: submission.url, timeout: timeout, configuration: configuration)
        do throws(MultiHandle.Failure) {
            try multi.add(transfer)
        } catch {
            throw HTTPClientError(.internalFailure, mayHaveBeenSent: false, error.message)
        }
        return transfer
    }

    private func finish(_ work: inout Work) {
        while let (transfer, code) = multi.nextCompletion() {
            multi.remove(transfer)
            let result = transfer.finish(code)
            guard let active = work.removeActive(transfer) else { continue }
            answer(active.reply, result)
        }
    }

    private func abandon(_ work: inout Work) {
        // What was submitted before the client closed and not taken yet is still owed an answer.
        _ = take(into: &work)
        for submission in work.waiting {
            answer(submission.reply, .failure(.clientClosed(mayHaveBeenSent: false)))
        }
        for active in work.active.values {
            multi.remove(active.transfer)
            answer(active.reply, .failure(.clientClosed(mayHaveBeenSent: active.transfer.mayHaveBeenSent)))
        }
        work = Work()
    }

    private func answer(_ reply: Inbox.Reply, _ result: Result<HTTPResponse, HTTPClientError>) {
        inbox.withLock { $0.answered() }
        reply.resume(returning: result)
    }
}
