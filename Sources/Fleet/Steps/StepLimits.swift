/// The waits and repeats of job steps.
package enum StepLimits {
    /// Two looks at a machine in transition are at least so far apart. The provider's own advice is 5 to 10 s.
    package static let transitionInterval: Duration = .seconds(5)
    /// What takes long is looked at less often: after a twelfth of the time it has taken so far, up to this.
    package static let transitionIntervalMax: Duration = .seconds(30)
    /// Looks for a machine whose create is unsettled come further and further apart, up to this: who has set a short window does not wait for
    /// as long again until somebody has looked twice after it.
    static func settleIntervalMax(in window: Duration) -> Duration { min(.seconds(30), window / 10) }
    /// Looks without the machine, begun after the settle window, that prove that there is none; each a full listing and a search by name.
    package static let absencesProvingNoMachine = 2
    /// Settle windows that must have passed before searches count that the provider does not: an hour, where the window is ten minutes.
    static let uncountedWindows = 6
    /// Direct reads in a row without the machine that prove that it is gone.
    package static let absencesProvingGone = 2
    /// A direct read without the machine counts only so long after the machine was adopted or last shown changed: a new machine may
    /// take this long to show everywhere.
    package static let absenceGrace: Duration = .seconds(120)
    /// After an accepted change the provider may still show the old state for so long; then it is asked again.
    package static let acknowledgedPatience: Duration = .seconds(30)
    /// Restarts that are asked for while no answer says whether one was done: one repeat, since each may be one more.
    static let unclearRestartsMax = 2
    /// A machine runs, but its endpoints are still missing: the job waits so long for them, then it has done its part.
    package static let endpointPatience: Duration = .seconds(120)
    /// The provider has so long to push a machine's disk to a registry: tens of gigabytes.
    package static let imageSaveTimeout: Duration = .seconds(2 * 3600)
    /// What has come of a move or a saved image cannot be read for so long: then it is no longer followed, since whoever wants the machine
    /// started or stopped waits behind it. More than the provider's usual outages.
    package static let blindnessMax: Duration = .seconds(900)
    /// So far behind ours may the clock be by which the provider says when a job of its own was begun.
    package static let upstreamClockSlack: Duration = .seconds(60)
    /// Jobs of a machine that are remembered so as not to be taken for a new one: the newest. A machine has one at a time.
    static let upstreamJobsBeforeMax = 64
    /// Creates that wait for capacity look at the offers together, so often: one reading of the catalogue is four calls, less than half of the
    /// smallest call budget.
    package static let capacityInterval: Duration = .seconds(60)
    /// Those that want the same place ask one after the other, so far apart: longer than most create calls take, so that who comes next
    /// knows how the one before has fared.
    package static let capacityTurn: Duration = .seconds(1)
    /// Between repeats of a failed call: doubled each time, from the first to the last.
    package static let retryDelayMin: Duration = .seconds(1)
    package static let retryDelayMax: Duration = .seconds(60)
    /// Deletes are repeated without end; the growing delay ends here, so that a recovered provider is noticed.
    package static let deleteDelayMax: Duration = .seconds(300)

    /// The delay before the repeat that follows `failures` failures (1 or more).
    package static func retryDelay(after failures: Int, atMost limit: Duration = retryDelayMax) -> Duration {
        min(limit, self.retryDelayMin * (1 << min(max(failures - 1, 0), 12)))
    }
}

extension Timestamp {
    /// The next multiple of `interval` that is at least half of it away.
    package func nextTick(of interval: Duration) -> Timestamp {
        let width = max(1, interval.wholeMicroseconds)
        let earliest = self.microseconds + width / 2
        return Timestamp(microseconds: (earliest + width - 1) / width * width)
    }
}
