/// One answer for all who ask for it at the same time: however many pages and scrapers there are, they do not use up the calls that the server
/// grants the sidecar.
actor SharedAnswer<Answer: Sendable> {
    private let fetch: @Sendable () async -> Answer
    private var latest: (answer: Answer, askedAt: ContinuousClock.Instant)?
    private var underWay: Task<Answer, Never>?
    /// Those who wait for what another asked for.
    private(set) var sharers = 0

    init(_ fetch: @escaping @Sendable () async -> Answer) { self.fetch = fetch }

    /// - Parameter age: how old an answer may be that is at hand.
    func value(noOlderThan age: Duration = .zero) async -> Answer {
        if let latest, latest.askedAt.duration(to: .now) < age { return latest.answer }
        if let underWay {
            self.sharers += 1
            defer { self.sharers -= 1 }
            return await underWay.value
        }
        let askedAt = ContinuousClock.now
        let task = Task { await self.fetch() }
        self.underWay = task
        let answer = await task.value
        self.latest = (answer, askedAt)
        self.underWay = nil
        return answer
    }
}
