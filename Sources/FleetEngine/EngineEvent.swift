package import Fleet

/// What the engine does, for the log and for tests. Told synchronously; whoever listens must not block.
package enum EngineEvent: Sendable {
    case stepBegan(Job)
    /// The step's outcome is durable; the job as written.
    case stepEnded(Job)
    /// The step's outcome could not be written down; the row decides how it goes on.
    case stepAbandoned(Job, String)
    case createCalled(JobID, OwnershipToken)
    case storeFailed(String)
    case swept(FleetMonitor.Sweep)
    case sweepFailed(String)
    /// Our token stands in the machine's environment and not in its name, as in a copy that somebody made: it is left alone.
    case suspectFound(InstanceID, UpstreamID)
    /// The log was trimmed before its changes could be told: receivers miss those between.
    case webhooksSkipped(from: Revision, to: Revision)
    /// A machine too many is being deleted.
    case releasing(InstanceID, UpstreamID)
    /// A machine that the provider takes back, or could not move, and what would be done for it were it not for `MIGRATION_DRY_RUN`.
    case wouldRecover(InstanceID, SpotRecovery)
    /// There is no room under a ceiling for the machine that would take the place of one that the provider takes back, or could not move.
    case recoveryRefused(InstanceID, CeilingReached)
    /// Whether a machine is idle, that is to be stopped if it is, cannot be told by the provider's metrics.
    case usageUnknown(InstanceID, String)
    /// Something keeps a machine from being changed.
    case held(InstanceID, Hold)
    /// A machine that nobody wants is still not proven gone; the level grows with its age, see `DebtAlarm`.
    case debtOverdue(OwedMachine, level: Int)
    /// Machines that were found without a record, and their dollars per hour: somebody has to decide about them.
    case orphans(Int, hourly: MicroUSD)
}
