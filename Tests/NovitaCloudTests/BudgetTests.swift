import Fleet
import Testing

@testable import NovitaCloud

@Suite("The call budget")
struct CallBudgetTests {
    private static let start = Timestamp(seconds: 1_000_000)

    /// Enters a call and takes its turn as soon as it comes. - Returns: when that was.
    private func take(_ priority: CallPriority, from budget: inout CallBudget, at start: Timestamp) throws -> Timestamp {
        let entered = budget.enter(priority, at: start)
        let ticket = try #require(entered)
        var now = start
        while let turn = budget.take(ticket, at: now) {
            try #require(turn > now)
            now = turn
        }
        return now
    }

    @Test("no minute sees more calls than the rate, and the rate is nearly used", arguments: [10, 30, 100, 1000, 10_000])
    func rate(perMinute: Int) throws {
        var budget = CallBudget(requestsPerMinute: perMinute, waitingMax: 1)
        var now = Self.start
        var times: [Timestamp] = []
        while now < Self.start + .seconds(180) {
            now = try self.take(.mutation, from: &budget, at: now)
            times.append(now)
        }
        let crowded = zip(times, times.dropFirst(perMinute)).first { $1 - $0 < .seconds(60) }
        #expect(crowded == nil)
        #expect(times.count >= perMinute * 3 * 8 / 10)
    }

    @Test("what is left is what would be let through at once")
    func left() throws {
        var budget = CallBudget(requestsPerMinute: 100, waitingMax: 1)
        #expect(budget.left(at: Self.start) == 10)
        for left in (0..<10).reversed() {
            let turn = try self.take(.mutation, from: &budget, at: Self.start)
            #expect(turn == Self.start && budget.left(at: Self.start) == left)
        }
        let turn = try self.take(.mutation, from: &budget, at: Self.start)
        #expect(turn > Self.start && budget.left(at: Self.start + .seconds(60)) == 10)
        budget.pause(until: Self.start + .seconds(90), askedOf: .mutation)
        #expect(budget.left(at: Self.start + .seconds(60)) == 0)
    }

    @Test("sweeps get at most half")
    func sweeps() throws {
        var budget = CallBudget(requestsPerMinute: 100, waitingMax: 1)
        var now = Self.start
        var count = 0
        while now < Self.start + .seconds(60) {
            now = try self.take(.sweep, from: &budget, at: now)
            count += 1
        }
        #expect((40...51).contains(count))
        // The other half is there at once.
        for _ in 0..<5 {
            let turn = try self.take(.transition, from: &budget, at: now)
            #expect(turn == now)
        }
    }

    /// The order in which calls that wait get their turn.
    private func order(_ waiting: [(CallPriority, after: Duration)], startingAfter pause: Duration) throws -> [CallPriority] {
        var budget = CallBudget(requestsPerMinute: 60, waitingMax: 100)
        var tickets: [(priority: CallPriority, ticket: CallBudget.Ticket)] = []
        for call in waiting {
            let entered = budget.enter(call.0, at: Self.start + call.after)
            tickets.append((call.0, try #require(entered)))
        }
        for _ in 0..<6 { _ = try self.take(.release, from: &budget, at: Self.start + pause) }  // the burst
        var order: [CallPriority] = []
        var now = Self.start + pause
        while !tickets.isEmpty {
            for (position, waiting) in tickets.enumerated().reversed() where budget.take(waiting.ticket, at: now) == nil {
                order.append(waiting.priority)
                tickets.remove(at: position)
                break
            }
            now = now + .milliseconds(500)
        }
        return order
    }

    @Test("the more urgent goes first, whenever it came")
    func priorities() throws {
        let order = try self.order(
            [(.sweep, .zero), (.transition, .zero), (.mutation, .zero), (.release, .milliseconds(900))], startingAfter: .seconds(1))
        #expect(order == [.release, .mutation, .transition, .sweep])
    }

    @Test("who has waited long goes before the newly come, but never before a release")
    func aging() throws {
        let order = try self.order(
            [(.sweep, .zero), (.mutation, .seconds(10)), (.mutation, .seconds(10)), (.release, .seconds(10))], startingAfter: .seconds(11))
        #expect(order == [.release, .sweep, .mutation, .mutation])
    }

    @Test(
        "a pause that the provider asked for holds everybody, but what releases machines only when a release was asked",
        arguments: CallPriority.allCases, CallPriority.allCases)
    func pause(asked: CallPriority, caller: CallPriority) throws {
        var budget = CallBudget(requestsPerMinute: 100, waitingMax: 1)
        budget.pause(until: Self.start + .seconds(7), askedOf: asked)
        budget.pause(until: Self.start + .seconds(3), askedOf: asked)
        let turn = try self.take(caller, from: &budget, at: Self.start)
        #expect(turn == Self.start + .seconds(caller == .release && asked != .release ? 0 : 7))
    }

    @Test("the queue is bounded, a place given up is free again, and what releases machines has room that nobody takes")
    func bounded() throws {
        var budget = CallBudget(requestsPerMinute: 10, waitingMax: 2)
        let entered = [budget.enter(.sweep, at: Self.start), budget.enter(.sweep, at: Self.start), budget.enter(.mutation, at: Self.start)]
        #expect(entered.map { $0 != nil } == [true, true, false])
        budget.leave(try #require(entered[0]))
        let later = budget.enter(.mutation, at: Self.start)
        #expect(later != nil)
        let releases = (0..<3).map { _ in budget.enter(.release, at: Self.start) }
        #expect(releases.map { $0 != nil } == [true, true, false])
    }
}

@Suite("The circuit breaker")
struct CircuitBreakerTests {
    private static let start = Timestamp(seconds: 1_000_000)

    private func opened() -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<5 { breaker.record(.failing, at: Self.start) }
        return breaker
    }

    @Test("five failures in a row open it; an answer in between, or a call that says nothing, does not count")
    func opens() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 { breaker.record(.failing, at: Self.start) }
        breaker.record(.none, at: Self.start)
        #expect(breaker.isClosed)
        breaker.record(.alive, at: Self.start)
        for _ in 0..<4 { breaker.record(.failing, at: Self.start) }
        #expect(breaker.reopening(at: Self.start) == nil)
        breaker.record(.failing, at: Self.start)
        #expect(!breaker.isClosed)
        #expect(breaker.reopening(at: Self.start) == Self.start + .seconds(5))
    }

    @Test("after the pause one call goes through; its success closes the circuit")
    func closes() {
        var breaker = self.opened()
        let later = Self.start + .seconds(5)
        #expect(breaker.reopening(at: later) == nil)
        breaker.begin(at: later)
        #expect(breaker.reopening(at: later) != nil)
        breaker.record(.alive, at: later)
        #expect(breaker.isClosed)
        #expect(breaker.reopening(at: later) == nil)
    }

    @Test("each failed trial doubles the pause, up to a minute")
    func doubles() {
        var breaker = self.opened()
        var now = Self.start
        var pauses: [Duration] = []
        for _ in 0..<6 {
            let opening = breaker.reopening(at: now) ?? now
            pauses.append(opening - now)
            now = opening
            breaker.begin(at: now)
            breaker.record(.failing, at: now)
        }
        #expect(pauses == [.seconds(5), .seconds(10), .seconds(20), .seconds(40), .seconds(60), .seconds(60)])
    }

    @Test("a trial that says nothing gives its place to the next")
    func neutral() {
        var breaker = self.opened()
        let later = Self.start + .seconds(5)
        breaker.begin(at: later)
        breaker.record(.none, at: later)
        #expect(breaker.reopening(at: later) == nil)
    }
}

@Suite("The circuits to the provider")
struct CircuitsTests {
    private static let start = Timestamp(seconds: 1_000_000)

    private func failed(_ outcome: Circuits.Outcome, times: Int = 5) -> Circuits {
        var circuits = Circuits()
        for _ in 0..<times { circuits.record(outcome, of: "/metrics", at: Self.start) }
        return circuits
    }

    @Test(
        "a broken endpoint holds back its own calls, a provider that is not reached all of them, and neither what releases machines",
        arguments: [
            (.broken, "/metrics", .mutation, true), (.broken, "/metrics", .release, false), (.broken, "/delete", .mutation, false),
            (.unreached, "/metrics", .sweep, true), (.unreached, "/delete", .mutation, true), (.unreached, "/delete", .release, false),
            (.answered, "/metrics", .mutation, false), (.none, "/metrics", .mutation, false),
        ] as [(Circuits.Outcome, String, CallPriority, Bool)])
    func held(outcome: Circuits.Outcome, path: String, priority: CallPriority, isHeld: Bool) {
        let circuits = self.failed(outcome)
        #expect((circuits.reopening(of: path, for: priority, at: Self.start) != nil) == isHeld)
    }

    @Test("an endpoint that answers again is called again")
    func answersAgain() {
        var circuits = self.failed(.broken)
        circuits.record(.answered, of: "/metrics", at: Self.start)
        #expect(circuits.reopening(of: "/metrics", for: .sweep, at: Self.start) == nil)
    }

    @Test("a release that finds the provider again closes the circuit for all")
    func releaseCloses() {
        var circuits = self.failed(.unreached)
        circuits.begin("/delete", at: Self.start)
        circuits.record(.answered, of: "/delete", at: Self.start)
        #expect(circuits.reopening(of: "/metrics", for: .sweep, at: Self.start) == nil && circuits.isAnswering)
    }

    @Test("a trial of a broken endpoint does not keep the trial of the provider from others")
    func twoTrials() {
        var circuits = self.failed(.broken)
        for _ in 0..<5 { circuits.record(.unreached, of: "/list", at: Self.start + .seconds(1)) }
        let later = Self.start + .seconds(6)
        circuits.begin("/metrics", at: later)
        #expect(circuits.reopening(of: "/list", for: .sweep, at: later) != nil)
        circuits.record(.broken, of: "/metrics", at: later)
        #expect(circuits.reopening(of: "/list", for: .sweep, at: later) == nil)
        #expect(circuits.reopening(of: "/metrics", for: .sweep, at: later) == later + .seconds(10))
    }

    @Test("the provider counts as answering until a circuit opens, and again with the next answer, of whatever endpoint")
    func answering() {
        #expect(self.failed(.broken, times: 4).isAnswering)
        var circuits = self.failed(.broken)
        #expect(!circuits.isAnswering)
        circuits.record(.broken, of: "/list", at: Self.start)
        #expect(!circuits.isAnswering)
        circuits.record(.answered, of: "/list", at: Self.start)
        circuits.record(.broken, of: "/metrics", at: Self.start)
        #expect(circuits.isAnswering, "a trial that fails says nothing new")
    }
}

@Suite("Repeating calls")
struct RetryPolicyTests {
    private func delay(_ failure: CallFailure, _ repeatability: Repeatability, retries: Int = 0) -> Duration? {
        var random = SeededGenerator(seed: 7)
        return RetryPolicy(retriesMax: 3).delay(after: failure, of: repeatability, retries: retries, random: &random)
    }

    @Test(
        "what is repeated",
        arguments: [
            (.transport, true, .always, true), (.transport, true, .ifNotProcessed, false), (.transport, false, .ifNotProcessed, true),
            (.unavailable, true, .always, true), (.unavailable, true, .ifNotProcessed, false), (.rateLimited, false, .always, true),
            (.rateLimited, false, .ifNotProcessed, true), (.malformedReply, true, .always, true),
            (.malformedReply, true, .ifNotProcessed, false),
            (.notFound, false, .always, false), (.capacity, false, .always, false), (.invalidState, false, .always, false),
            (.unauthorized, false, .always, false), (.money, false, .always, false), (.invalidRequest, false, .always, false),
            (.notAttempted, false, .always, false),
        ] as [(CloudError.Code, Bool, Repeatability, Bool)])
    func table(code: CloudError.Code, processed: Bool, repeatability: Repeatability, isRepeated: Bool) {
        let failure = CallFailure(code, "", mayHaveBeenProcessed: processed)
        #expect((self.delay(failure, repeatability) != nil) == isRepeated)
    }

    @Test("a create is never repeated, whatever happened", arguments: CloudError.Code.allCases)
    func create(code: CloudError.Code) {
        for processed in [true, false] {
            #expect(self.delay(CallFailure(code, "", mayHaveBeenProcessed: processed), .never) == nil)
        }
    }

    @Test("the delay doubles from a second, half of it at random, and is as long as the provider asks")
    func delays() throws {
        let failure = CallFailure(.unavailable, "", mayHaveBeenProcessed: true)
        for (retries, full) in [(0, 1000), (1, 2000), (2, 4000)] {
            let delay = try #require(self.delay(failure, .always, retries: retries))
            #expect((Duration.milliseconds(full / 2) ... .milliseconds(full)).contains(delay))
        }
        #expect(self.delay(failure, .always, retries: 3) == nil)
        let asked = CallFailure(.rateLimited, "", retryAfter: .seconds(17), mayHaveBeenProcessed: false)
        #expect(self.delay(asked, .always) == .seconds(17))
    }
}
