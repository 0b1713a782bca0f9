internal import CurlClient
internal import Fleet
internal import JSONText
internal import Synchronization
internal import Traces

/// Makes calls: waits for their turn, sends, judges the reply, repeats where that is harmless. All decisions are those of
/// `CallBudget`, `Circuits`, `RetryPolicy` and `Refusal`.
final class APICaller: Sendable {
    private struct State: Sendable {
        var budget: CallBudget
        var circuits = Circuits()
        var lastSuccessAt: Timestamp?
        var lastFailure: CloudError?
        var clockSkew: Duration?
    }

    private let configuration: NovitaCloudConfiguration
    private let transport: NovitaCloud.Transport
    private let clock: any Clock
    private let random: RandomSource
    private let report: @Sendable (CallReport) -> Void
    private let spans: CallSpans?
    private let retryPolicy: RetryPolicy
    private let state: Mutex<State>

    init(
        configuration: NovitaCloudConfiguration, transport: @escaping NovitaCloud.Transport, clock: any Clock, random: RandomSource,
        tracer: Tracer?, report: @escaping @Sendable (CallReport) -> Void
    ) {
        self.configuration = configuration
        self.transport = transport
        self.clock = clock
        self.random = random
        self.report = report
        self.spans = tracer.map { CallSpans($0, origin: configuration.origin) }
        self.retryPolicy = RetryPolicy(retriesMax: configuration.retriesMax)
        let budget = CallBudget(requestsPerMinute: configuration.requestsPerMinute, waitingMax: configuration.waitingMax)
        self.state = Mutex(State(budget: budget))
    }

    var health: UpstreamHealth {
        self.state.withLock {
            UpstreamHealth(
                isReachable: $0.circuits.isAnswering, lastSuccessAt: $0.lastSuccessAt, lastFailure: $0.lastFailure,
                waitingCalls: $0.budget.waitingCount, budgetLeft: $0.budget.left(at: self.clock.now))
        }
    }

    /// The provider's time less ours, by its newest good reply; nil before one that says it.
    var clockSkew: Duration? { self.state.withLock { $0.clockSkew } }

    /// The body of a reply with a good status.
    ///
    /// - Throws: how the last attempt failed. `mayHaveBeenProcessed` is about all attempts together.
    func send(_ request: APIRequest, call: CloudCall) async throws(CallFailure) -> [UInt8] {
        var retries = 0
        var mayHaveBeenProcessed = false
        while true {
            do throws(CallFailure) {
                return try await self.attempt(request, number: retries + 1, call: call)
            } catch {
                var failure = error
                mayHaveBeenProcessed = mayHaveBeenProcessed || failure.mayHaveBeenProcessed
                failure.mayHaveBeenProcessed = mayHaveBeenProcessed
                var random = self.random
                let delay = self.retryPolicy.delay(after: failure, of: request.repeatability, retries: retries, random: &random)
                guard let delay, self.clock.now + delay < call.deadline, !Task.isCancelled else { throw failure }
                await self.clock.sleep(until: self.clock.now + delay)
                guard !Task.isCancelled else { throw failure }
                retries += 1
            }
        }
    }

    /// The same as JSON; null for an empty body.
    func json(_ request: APIRequest, call: CloudCall) async throws(CallFailure) -> JSON {
        let body = try await self.send(request, call: call)
        do throws(JSONError) {
            return body.isEmpty ? .null : try JSON(parsing: body)
        } catch {
            throw .malformedReply("the reply is no JSON: \(error.message) at \(error.offset)")
        }
    }

    private func attempt(_ request: APIRequest, number: Int, call: CloudCall) async throws(CallFailure) -> [UInt8] {
        try await self.waitForTurn(request, call)
        let began = self.clock.now
        let timeout = min(self.configuration.requestTimeout, call.deadline - began)
        var work = WorkContext.current ?? WorkContext(requestID: call.requestID)
        let span = self.spans?.begin(under: work.trace)
        work.trace = span?.context ?? work.trace
        let httpRequest = request.httpRequest(
            origin: self.configuration.origin, apiKey: self.configuration.apiKey, requestID: call.requestID, trace: work.trace,
            timeout: timeout)
        let result = await self.transport(httpRequest)
        let outcome = self.judge(result, of: request)
        self.record(result, outcome, of: request, call)
        let report = CallReport(
            requestID: call.requestID, priority: call.priority, method: request.method.rawValue, path: request.path, attempt: number,
            status: (try? result.get())?.status, error: outcome.failure?.error, duration: self.clock.now - began)
        if let span { self.spans?.end(span, report) }
        WorkContext.$current.withValue(work) { self.report(report) }
        return try outcome.get()
    }

    private enum Turn {
        case now
        case later(Timestamp)
        /// A circuit is open.
        case held(until: Timestamp)
    }

    /// Returns when it is the call's turn in the budget.
    private func waitForTurn(_ request: APIRequest, _ call: CloudCall) async throws(CallFailure) {
        guard let ticket = self.state.withLock({ $0.budget.enter(call.priority, at: self.clock.now) }) else {
            throw .notAttempted("\(self.configuration.waitingMax) calls wait for the provider already")
        }
        defer { self.state.withLock { $0.budget.leave(ticket) } }
        while true {
            guard !Task.isCancelled else { throw .notAttempted("cancelled") }
            guard self.clock.now < call.deadline else { throw .notAttempted("the call budget left no room before the deadline") }
            switch self.turn(of: ticket, request, call) {
            case .now: return
            case .later(let turn): await self.clock.sleep(until: min(turn, call.deadline))
            case .held(let reopening):
                throw .notAttempted("the provider has been failing; calls are held back", retryAfter: reopening - self.clock.now)
            }
        }
    }

    /// A call that is held back takes nothing out of the budget.
    private func turn(of ticket: CallBudget.Ticket, _ request: APIRequest, _ call: CloudCall) -> Turn {
        let now = self.clock.now
        return self.state.withLock { state in
            if let reopening = state.circuits.reopening(of: request.path, for: call.priority, at: now) { return .held(until: reopening) }
            if let turn = state.budget.take(ticket, at: now) { return .later(turn) }
            state.circuits.begin(request.path, at: now)
            return .now
        }
    }

    private func judge(_ result: Result<HTTPResponse, HTTPClientError>, of request: APIRequest) -> Result<[UInt8], CallFailure> {
        switch result {
        case .success(let response) where (200..<300).contains(response.status):
            return .success(response.body)
        case .success(let response):
            let refusal = Refusal(status: response.status, body: response.body, about: request.subject)
            let redaction = self.configuration.apiKey.redaction(with: request.secrets)
            return .failure(refusal.failure(retryAfter: response.retryAfter, hiding: redaction))
        case .failure(let error):
            return .failure(CallFailure(error))
        }
    }

    private func record(
        _ result: Result<HTTPResponse, HTTPClientError>, _ outcome: Result<[UInt8], CallFailure>, of request: APIRequest, _ call: CloudCall
    ) {
        let now = self.clock.now
        self.state.withLock { state in
            state.circuits.record(Self.outcome(of: result), of: request.path, at: now)
            if let failure = outcome.failure {
                state.lastFailure = failure.error
                if failure.error.code == .rateLimited, let pause = failure.error.retryAfter {
                    state.budget.pause(until: now + pause, askedOf: call.priority)
                }
            } else {
                state.lastSuccessAt = now
                if let date = (try? result.get())?.date { state.clockSkew = date - now }
            }
        }
    }

    private static func outcome(of result: Result<HTTPResponse, HTTPClientError>) -> Circuits.Outcome {
        switch result {
        case .success(let response): response.status >= 500 ? .broken : .answered
        case .failure(let error):
            switch error.code {
            case .couldNotConnect, .addressRefused, .tlsFailed, .timedOut, .connectionLost, .malformedResponse: .unreached
            case .responseTooLarge: .answered
            case .invalidRequest, .queueFull, .closed, .cancelled, .internalFailure: .none
            }
        }
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
