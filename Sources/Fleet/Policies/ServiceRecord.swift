/// When there was a server that could be told that a machine is in use. Leases and idle times go by it, over restarts: time without a
/// server does not count, and all other time does.
///
/// Only a clock that is believed adds to it: a time in which it was in doubt is one in which no server was there.
package struct ServiceRecord: Hashable, Sendable {
    package struct Absence: Hashable, Sendable {
        package var began: Timestamp
        package var ended: Timestamp

        package init(began: Timestamp, ended: Timestamp) {
            self.began = began
            self.ended = ended
        }
    }

    /// After longer than this without a word from it a server did not run: its host was suspended.
    package static let silenceMax: Duration = .seconds(60)
    /// A restart every night for longer than the longest lease and as long again. Beyond it the two that are nearest to each other become one,
    /// so that a server which dies every minute takes no more than one place.
    package static let absencesMax = 1024

    /// The last that is known of a server. Nil: nobody has written it down yet.
    package private(set) var servedUntil: Timestamp?
    /// Oldest first, apart from each other, none later than `servedUntil`.
    package private(set) var absences: [Absence]

    package init(servedUntil: Timestamp? = nil, absences: [Absence] = []) {
        self.servedUntil = servedUntil
        self.absences = absences
    }

    /// A server is there.
    ///
    /// - Parameter isStart: it was not before. Signs of the last minute may not have been written down then, which counts as if none could
    ///   have been given.
    package mutating func serve(at now: Timestamp, isStart: Bool) {
        guard let last = self.servedUntil, last <= now + ClockDoubt.skewMax else {
            // What is not known, or was written by a clock that was wrong, says nothing of the time before: all clocks begin anew.
            self.absences = [Absence(began: Timestamp(microseconds: 0), ended: now)]
            self.servedUntil = now
            return
        }
        let until = max(last, now)
        self.servedUntil = until
        if isStart {
            self.append(Absence(began: last - Admission.touchSpacing, ended: until))
        } else if until - last > Self.silenceMax {
            self.append(Absence(began: last, ended: until))
        }
    }

    /// How much of the time since then, and before `servedUntil`, there was no server.
    package func away(since time: Timestamp) -> Duration {
        var away: Duration = .zero
        for absence in self.absences.reversed() {
            guard absence.ended > time else { break }
            away += absence.ended - max(absence.began, time)
        }
        return away
    }

    private mutating func append(_ absence: Absence) {
        if let last = self.absences.last, last.ended >= absence.began {
            self.absences[self.absences.count - 1] = Absence(began: min(last.began, absence.began), ended: absence.ended)
        } else {
            self.absences.append(absence)
        }
        while self.absences.count > Self.absencesMax { self.joinNearest() }
    }

    /// What lies between them is then taken for time without a server: a machine runs on for longer, never for less.
    private mutating func joinNearest() {
        let gaps = zip(self.absences, self.absences.dropFirst()).map { $1.began - $0.ended }
        guard let nearest = gaps.indices.min(by: { gaps[$0] < gaps[$1] }) else { return }
        self.absences[nearest].ended = self.absences[nearest + 1].ended
        self.absences.remove(at: nearest + 1)
    }
}
