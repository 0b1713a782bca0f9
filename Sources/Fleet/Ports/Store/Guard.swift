/// What must hold in the transaction for a commit to be applied; the first that does not makes the whole commit fail.
package enum Guard: Hashable, Sendable {
    /// The job is still leased under this token.
    case lease(JobID, LeaseToken)
    /// The instance has not changed since it was read.
    case instance(InstanceID, Revision)
    /// No instance of the tenant has the name. One that has ended gives it away, also while debts keep it living.
    case nameIsFree(TenantID, String)
    /// The request id is not in use.
    case requestIsNew(RequestKey)
    /// Machines not proven gone and their dollars per hour, over all tenants, stay within the ceilings once the commit is applied.
    case ceilings(Ceilings)
    /// The same for those machines alone that this principal asked for.
    case ownCeilings(Ceilings, PrincipalID)
    /// Neither a freeze nor an observed deployment stands against it.
    case permitted(FleetControl.Action)
    /// One more automatic stop or delete at that time goes past the brake.
    case brake(Brake, Timestamp)
    /// The queue of the job's kind is not paused.
    case queueIsOpen(JobType)
    /// Nobody has changed what is said about the fleet since it was read.
    case control(FleetControl)
}

package struct Ceilings: Hashable, Sendable, Codable {
    package var maxInstances: Int
    package var maxHourlySpend: MicroUSD

    package init(maxInstances: Int, maxHourlySpend: MicroUSD) {
        self.maxInstances = maxInstances
        self.maxHourlySpend = maxHourlySpend
    }
}
