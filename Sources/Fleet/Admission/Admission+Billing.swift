/// Another way to pay for a machine.
extension Admission {
    /// - Parameter price: of the months, by the catalogue; nil when the machine is not sold by the month.
    /// - Throws: `revisionMismatch`, `invalidArgument`, `invalidState`, `noCandidate`, `balanceTooLow`.
    package func changeBilling(
        _ change: BillingChange, _ subject: Subject, price: MicroUSD?, expectedRevision: Revision? = nil, on occasion: Occasion
    ) throws(FleetError) -> Admitted {
        var instance = subject.instance
        if let expectedRevision, expectedRevision != instance.revision {
            throw FleetError(
                .revisionMismatch, "the instance has revision \(instance.revision.number), not \(expectedRevision.number)",
                instanceID: instance.id)
        }
        let violations = SpecRules.violations(of: change)
        guard violations.isEmpty else { throw .invalid(violations) }
        try Self.checkBillingState(of: subject, for: change)
        if let months = change.months { try Self.check(price, of: months, atMost: change.maxPrice ?? .zero, instance, occasion) }
        var job = Job(
            id: occasion.jobID, type: .changeBilling, tenant: instance.tenant, instanceID: instance.id, step: .send,
            requestID: occasion.request.requestID, trace: occasion.trace, createdAt: occasion.now)
        job.billing = change
        instance.claim()
        instance.jobID = job.id
        instance.updatedAt = occasion.now
        let commit = Commit(
            guards: [
                .requestIsNew(occasion.request), .permitted(change.months == nil ? .obey : .begin),
                .instance(instance.id, subject.instance.revision),
            ],
            instances: [instance], jobs: [Commit.JobWrite(job)], request: occasion.record(of: instance.id, job: job.id),
            audit: [.request(occasion, instance: instance, job: job, effect: change.effect)])
        return Admitted(commit: commit, instance: instance, job: job)
    }

    /// The commit that asks once more for the renewal that a delete has ended; nil while it is to be deleted, and when there is nothing to ask for.
    package func renewalAgain(_ subject: Subject, jobID: JobID, at now: Timestamp) -> Commit? {
        var instance = subject.instance
        guard let months = instance.billing?.endedRenewalMonths, subject.jobs.isEmpty, instance.desiredState != .deleted,
            instance.state == .running || instance.state == .stopped
        else { return nil }
        var job = Job(
            id: jobID, type: .changeBilling, tenant: instance.tenant, instanceID: instance.id, step: .send, requestID: "", createdAt: now)
        job.billing = BillingChange(autoRenewMonths: months)
        instance.jobID = job.id
        instance.updatedAt = now
        let entry = AuditEntry(
            at: now, tenant: instance.tenant, actor: AuditEntry.automatic, action: "RenewAgain", cause: "DELETE_CALLED_OFF",
            effect: BillingChange(autoRenewMonths: months).effect, instanceID: instance.id, jobID: job.id,
            upstreamID: instance.upstream?.id, hourlyPrice: instance.placement?.hourlyPrice)
        return Commit(
            guards: [.permitted(.obey), .instance(instance.id, subject.instance.revision)], instances: [instance],
            jobs: [Commit.JobWrite(job)], audit: [entry])
    }

    private static func checkBillingState(of subject: Subject, for change: BillingChange) throws(FleetError) {
        let instance = subject.instance
        guard instance.desiredState != .deleted, instance.state == .running || instance.state == .stopped else {
            throw FleetError(
                .invalidState, "the instance must run or be stopped for a change of billing: it is \(instance.state)",
                instanceID: instance.id)
        }
        if change.months != nil, instance.placement?.billingMode == .spot {
            throw FleetError(.invalidState, "a spot machine is not paid by the month", instanceID: instance.id)
        }
        if let job = subject.jobs.first {
            throw FleetError(
                .invalidState, "another change is under way: wait for its job", instanceID: instance.id, jobID: job.id,
                retryAfter: .seconds(10))
        }
    }

    private static func check(
        _ price: MicroUSD?, of months: Int, atMost limit: MicroUSD, _ instance: Instance, _ occasion: Occasion
    ) throws(FleetError) {
        guard let price else {
            throw FleetError(
                .noCandidate, "\(instance.placement?.productName ?? "its product") is not sold by the month", instanceID: instance.id)
        }
        guard price <= limit else {
            throw .invalid([FieldViolation("max_price", "must be at least \(price): what \(months) months may cost")])
        }
        if let funds = occasion.funds, let left = funds.refusal(of: price, at: occasion.now, hourlySpend: occasion.hourlySpend) {
            throw FleetError(
                .balanceTooLow, "the account has \(left) left, \(occasion.hourlySpend) per hour in use, and \(months) months cost \(price)",
                instanceID: instance.id)
        }
    }
}
