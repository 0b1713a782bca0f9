/// Another machine under the same instance, because somebody asks for it.
extension Admission {
    /// - Parameters:
    ///   - way: `move` or `replace`.
    /// - Throws: `revisionMismatch`, `invalidState`, `deletionProtected`, `balanceTooLow`.
    package func migrate(
        _ way: Migration, _ subject: Subject, expectedRevision: Revision? = nil, on occasion: Occasion
    ) throws(FleetError) -> Admitted {
        let before = subject.instance
        try subject.checkIsReadable()
        if let expectedRevision, expectedRevision != before.revision {
            throw FleetError(
                .revisionMismatch, "the instance has revision \(before.revision.number), not \(expectedRevision.number)",
                instanceID: before.id)
        }
        try Self.checkState(for: way, subject, at: occasion.now)
        // Until the other machine runs there are two.
        if way == .replace, let placement = before.placement { try Self.checkFunds(for: placement, on: occasion) }
        var instance = before
        var job = Job(
            id: occasion.jobID, type: .migrateInstance, tenant: instance.tenant, instanceID: instance.id, step: .send,
            requestID: occasion.request.requestID, createdAt: occasion.now)
        job.migration = way
        var guards: [Guard] = [
            .requestIsNew(occasion.request), .permitted(.begin), .instance(instance.id, instance.revision),
        ]
        if way == .replace {
            job.begin(replacing: &instance)
            guards += self.ceilingGuards(of: instance, askedBy: occasion.owner)
        }
        instance.desiredState = .running
        instance.startAskedAt = occasion.now
        if instance.policies != nil { instance.touchedAt = max(instance.touchedAt ?? occasion.now, occasion.now) }
        instance.claim()
        instance.jobID = job.id
        instance.updatedAt = occasion.now
        let commit = Commit(
            guards: guards, instances: [instance], jobs: [Commit.JobWrite(job)], request: occasion.record(of: instance.id, job: job.id),
            audit: [
                .request(
                    occasion, instance: instance, job: job,
                    effect: way == .replace ? "another machine is asked for in its place" : "a job sees to it")
            ])
        return Admitted(commit: commit, instance: instance, job: job)
    }

    private static func checkState(for way: Migration, _ subject: Subject, at now: Timestamp) throws(FleetError) {
        let instance = subject.instance
        func refusal(_ rule: String) -> FleetError { FleetError(.invalidState, rule, instanceID: instance.id) }
        guard instance.desiredState != .deleted, !instance.state.isFinal else {
            throw refusal("the instance is being deleted or has ended: \(instance.state)")
        }
        if let job = subject.jobs.first {
            throw FleetError(
                .invalidState, "another change is under way: wait for its job", instanceID: instance.id, jobID: job.id,
                retryAfter: .seconds(10))
        }
        switch way {
        case .move, .start:
            guard instance.state == .stopped else { throw refusal("only a stopped machine is moved: it is \(instance.state)") }
        case .replace:
            guard !instance.deletionProtection else {
                throw FleetError(.deletionProtected, "deletion protection is on, and the machine's disk would go", instanceID: instance.id)
            }
            guard !instance.isPaid(at: now) else {
                throw refusal("its months are paid: the machine would stay, unused, until they end")
            }
            guard instance.canBeReplaced else { throw refusal("it was found at the provider: what it is made of is not known") }
            guard instance.state == .running || instance.state == .stopped else {
                throw refusal("the instance must run or be stopped to be replaced: it is \(instance.state)")
            }
        }
    }
}
