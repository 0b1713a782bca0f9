/// What callers hand to the transfer thread, and how much of it there is. A pure value; `TransferLoop` guards it with a lock.
struct Inbox {
    typealias Reply = CheckedContinuation<Result<HTTPResponse, HTTPClientError>, Never>

    struct Submission {
        let id: UInt64
        let request: HTTPRequest
        let url: RequestURL
        let deadline: ContinuousClock.Instant
        let reply: Reply
    }

    enum Command {
        case submit(Submission)
        case cancel(UInt64)
    }

    private let requestsMax: Int
    private var commands: [Command] = []
    /// Submitted and not answered yet.
    private var openRequests = 0
    private var isClosed = false

    init(requestsMax: Int) {
        self.requestsMax = requestsMax
    }

    /// Why the request is not taken; nil when it is.
    mutating func submit(_ submission: Submission) -> HTTPClientError? {
        guard !isClosed else { return .clientClosed(mayHaveBeenSent: false) }
        guard openRequests < requestsMax else {
            return HTTPClientError(.queueFull, mayHaveBeenSent: false, "\(requestsMax) requests are waiting or under way")
        }
        openRequests += 1
        commands.append(.submit(submission))
        return nil
    }

    mutating func cancel(_ id: UInt64) {
        guard !isClosed else { return }
        commands.append(.cancel(id))
    }

    mutating func answered() { openRequests -= 1 }

    /// Nothing more is taken from now on.
    mutating func close() { isClosed = true }

    mutating func take() -> (commands: [Command], isClosed: Bool) {
        defer { commands.removeAll(keepingCapacity: true) }
        return (commands, isClosed)
    }
}

extension HTTPClientError {
    static func clientClosed(mayHaveBeenSent: Bool) -> HTTPClientError {
        HTTPClientError(.closed, mayHaveBeenSent: mayHaveBeenSent, "the client is shut down")
    }
}
