internal import Synchronization

/// What the engine last did: for health, metrics and the log. Written by the engine, read by anybody without suspension.
package final class FleetMonitor: Sendable {
    package struct Report: Sendable, Hashable {
        /// Steps that run now.
        package var runningSteps = 0
        /// Since the start: steps begun, and those whose outcome could not be written down (the lease was lost, the store failed).
        package var stepsBegun = 0
        package var stepsAbandoned = 0
        /// Create calls made.
        package var createCalls = 0
        package var lastSweep: Sweep?
        /// How sweeps follow each other since the last one; nil before the first.
        package var sweepPace: SweepPace?
        /// The last failure of a call to the provider, and the last success of one.
        package var lastUpstreamError: Failure?
        package var lastUpstreamSuccessAt: Timestamp?
        /// The account's, as last read; nil before the first reading.
        package var funds: Funds?
        /// Why the last reading of the balance failed; nil when it did not.
        package var lastBalanceError: Failure?
        /// Why the clock is not believed; nil while it is.
        package var clockDoubt: String?
        package var lastStoreError: Failure?
        package var lastStoreSuccessAt: Timestamp?
    }

    package struct Failure: Sendable, Hashable {
        package var text: String
        package var at: Timestamp

        package init(text: String, at: Timestamp) {
            self.text = text
            self.at = at
        }
    }

    /// A sweep of the reconciler over the account.
    package struct Sweep: Sendable, Hashable {
        package var begunAt: Timestamp
        package var endedAt: Timestamp
        /// Machines on the account, and how many of them are not ours.
        package var machines: Int
        package var foreignMachines: Int
        /// Machines that name us in their environment only; see `Reconciliation.suspects`.
        package var suspectMachines: Int
        /// Differences that were looked into, and those left for the next sweep.
        package var questions: Int
        package var questionsLeft: Int
        /// The listing lacked most of what is known, so nothing was concluded from what it did not show.
        package var wasSuspicious: Bool

        package init(
            begunAt: Timestamp, endedAt: Timestamp, machines: Int, foreignMachines: Int, suspectMachines: Int = 0, questions: Int,
            questionsLeft: Int, wasSuspicious: Bool
        ) {
            self.begunAt = begunAt
            self.endedAt = endedAt
            self.machines = machines
            self.foreignMachines = foreignMachines
            self.suspectMachines = suspectMachines
            self.questions = questions
            self.questionsLeft = questionsLeft
            self.wasSuspicious = wasSuspicious
        }
    }

    /// Something was refused for the balance: it may have been topped up since it was read.
    package let balanceDoubted = Signal()
    private let state = Mutex(Report())

    package init() {}

    package var report: Report { self.state.withLock { $0 } }

    package func update(_ change: (inout Report) -> Void) {
        self.state.withLock { change(&$0) }
    }
}
