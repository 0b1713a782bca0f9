/// A machine's disk as an image, for machines to come.
extension Admission {
    /// - Throws: `revisionMismatch`, `invalidArgument`, `invalidState`.
    package func saveImage(
        _ save: ImageSave, _ subject: Subject, expectedRevision: Revision? = nil, on occasion: Occasion
    ) throws(FleetError) -> Admitted {
        var instance = subject.instance
        try subject.checkIsReadable()
        if let expectedRevision, expectedRevision != instance.revision {
            throw FleetError(
                .revisionMismatch, "the instance has revision \(instance.revision.number), not \(expectedRevision.number)",
                instanceID: instance.id)
        }
        let violations = SpecRules.violations(of: save)
        guard violations.isEmpty else { throw .invalid(violations) }
        guard instance.desiredState != .deleted, instance.state == .running || instance.state == .stopped else {
            throw FleetError(
                .invalidState, "the instance must run or be stopped to be saved: it is \(instance.state)", instanceID: instance.id)
        }
        if let job = subject.jobs.first {
            throw FleetError(
                .invalidState, "another change is under way: wait for its job", instanceID: instance.id, jobID: job.id,
                retryAfter: .seconds(10))
        }
        var job = Job(
            id: occasion.jobID, type: .saveImage, tenant: instance.tenant, instanceID: instance.id, step: .send,
            requestID: occasion.request.requestID, createdAt: occasion.now)
        job.imageSave = save
        // Who saves it uses it.
        if instance.policies != nil { instance.touchedAt = max(instance.touchedAt ?? occasion.now, occasion.now) }
        instance.claim()
        instance.jobID = job.id
        instance.updatedAt = occasion.now
        let commit = Commit(
            guards: [.requestIsNew(occasion.request), .permitted(.obey), .instance(instance.id, instance.revision)],
            instances: [instance], jobs: [Commit.JobWrite(job)], request: occasion.record(of: instance.id, job: job.id),
            audit: [.request(occasion, instance: instance, job: job, effect: "its disk is to be pushed to \(save.image)")])
        return Admitted(commit: commit, instance: instance, job: job)
    }
}
