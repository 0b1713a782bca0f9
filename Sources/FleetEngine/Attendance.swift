internal import Fleet

/// What one server adds to the record of when there was one.
struct Attendance {
    private(set) var record: ServiceRecord
    /// As it is written down.
    var kept: ServiceRecord
    /// This server has added to it.
    private var hasBegun = false
    /// What was answered when the clock was first not believed.
    private var doubtful: ServiceRecord?

    init(_ record: ServiceRecord) {
        self.record = record
        self.kept = record
    }

    /// Answers the record as it is if the clock is right, and adds that only if the clock is believed: a time by one that is wrong would stand
    /// for years. Until then the answer stays the same, since nothing is ended by it, and all that is planned would be written with each look.
    mutating func look(at now: Timestamp, believesClock: Bool) -> ServiceRecord {
        var seen = self.record
        seen.serve(at: now, isStart: !self.hasBegun)
        guard !believesClock else {
            (self.record, self.hasBegun, self.doubtful) = (seen, true, nil)
            return seen
        }
        let answer = self.doubtful ?? seen
        self.doubtful = answer
        return answer
    }

    var isToKeep: Bool {
        guard let until = self.record.servedUntil, let kept = self.kept.servedUntil else { return self.record != self.kept }
        return self.record.absences != self.kept.absences || until - kept >= EngineLimits.serviceInterval
    }
}
