/// Changes of what an instance is called and made of.
extension Admission {
    /// - Throws: `revisionMismatch`, `invalidArgument`, `invalidState`.
    package func update(
        _ update: InstanceUpdate, _ subject: Subject, expectedRevision: Revision? = nil, on occasion: Occasion
    ) throws(FleetError) -> Admitted {
        let before = subject.instance
        try subject.checkIsReadable()
        if let expectedRevision, expectedRevision != before.revision {
            throw FleetError(
                .revisionMismatch, "the instance has revision \(before.revision.number), not \(expectedRevision.number)",
                instanceID: before.id)
        }
        guard before.desiredState != .deleted, !before.state.isFinal else {
            throw FleetError(.invalidState, "the instance is being deleted or has ended: \(before.state)", instanceID: before.id)
        }
        let violations = Self.violations(of: update, for: before, at: occasion.now)
        guard violations.isEmpty else { throw .invalid(violations) }
        let parts = update.parts(from: before.spec)
        try Self.checkState(of: subject, for: parts)
        var instance = before
        instance.name = update.name ?? before.name
        instance.labels = update.labels ?? before.labels
        instance.deletionProtection = update.deletionProtection ?? before.deletionProtection
        instance.spec = update.applied(to: before.spec)
        instance.claim()
        if let policies = update.policies { instance.say(policies, at: occasion.now) }
        instance.updatedAt = occasion.now
        var job = Self.updateJob(parts, subject, on: occasion)
        if parts.isEmpty { job.end(.succeeded, progress: "nothing to ask of the provider", at: occasion.now) }
        if update.environment != nil { job.update?.bringsEnvironment = true }
        // What asks nothing of the provider is no wish that a job at work would have to give way to.
        if !parts.isEmpty || subject.jobs.isEmpty { instance.jobID = job.id }
        var commit = Commit(
            guards: [.requestIsNew(occasion.request), .permitted(.obey), .instance(before.id, before.revision)],
            instances: [instance], jobs: [Commit.JobWrite(job)], request: occasion.record(of: instance.id, job: job.id),
            audit: [.request(occasion, instance: instance, job: job, effect: job.state.isFinal ? "changed here" : "a job sees to it")])
        if instance.name != before.name { commit.guards.append(.nameIsFree(instance.tenant, instance.name)) }
        if let environment = update.environment { commit.environments = [.waiting(for: job.id): environment] }
        return Admitted(commit: commit, instance: instance, job: job)
    }

    private static func updateJob(_ parts: [MachineUpdate.Part], _ subject: Subject, on occasion: Occasion) -> Job {
        let latest = subject.jobs.map(\.createdAt).max().map { $0 + .microseconds(1) } ?? occasion.now
        var job = Job(
            id: occasion.jobID, type: .updateInstance, tenant: subject.instance.tenant, instanceID: subject.instance.id, step: .send,
            requestID: occasion.request.requestID, trace: occasion.trace, createdAt: max(latest, occasion.now))
        job.update = MachineUpdate(parts: parts, before: subject.instance.spec)
        return job
    }

    /// A machine is changed by one job at a time, and only while it is settled in its state.
    private static func checkState(of subject: Subject, for parts: [MachineUpdate.Part]) throws(FleetError) {
        guard !parts.isEmpty else { return }
        let instance = subject.instance
        if let job = subject.jobs.first {
            throw FleetError(
                .invalidState, "another change is under way: wait for its job", instanceID: instance.id, jobID: job.id,
                retryAfter: .seconds(10))
        }
        guard instance.state == .running || (instance.state == .stopped && !parts.contains(.upgrade)) else {
            let rule = parts.contains(.upgrade) ? "must run to be given a new container" : "must run or be stopped to be changed"
            throw FleetError(.invalidState, "the instance \(rule): it is \(instance.state)", instanceID: instance.id)
        }
    }

    /// Only what the update brings: a record that was found at the provider has gaps of its own.
    private static func violations(of update: InstanceUpdate, for instance: Instance, at now: Timestamp) -> [FieldViolation] {
        let known = Set(SpecRules.violations(of: instance.spec))
        var found = SpecRules.violations(of: update.applied(to: instance.spec)).filter { !known.contains($0) }
            .map { FieldViolation($0.field.replacing("spec.", with: "", maxReplacements: 1), $0.description) }
        if let name = update.name {
            found += name.isEmpty ? [FieldViolation("name", "must not be empty")] : SpecRules.violations(ofName: name)
        }
        if let labels = update.labels { found += SpecRules.violations(ofLabels: labels) }
        if let environment = update.environment {
            found += SpecRules.violations(of: environment)
                .map { FieldViolation($0.field.replacing("spec.", with: "", maxReplacements: 1), $0.description) }
        }
        if update.diskGB != nil, instance.spec.isCPU {
            found.append(FieldViolation("disk_gb", "a CPU machine has the disk of its product"))
        } else if let disk = update.diskGB, disk < instance.spec.diskGB {
            found.append(FieldViolation("disk_gb", "must be at least \(instance.spec.diskGB): a disk can only grow"))
        }
        if let policies = update.policies {
            let said = policies.applied(to: nil) ?? InstancePolicies()
            found += SpecRules.violations(of: said, at: now)
        }
        return found
    }
}

extension Instance {
    /// Who says what is to be done uses the machine: idle time and lease begin anew, and what was called off is said again.
    fileprivate mutating func say(_ update: PolicyUpdate, at now: Timestamp) {
        self.restartPolicies()
        self.policies = update.applied(to: self.policies)
        self.policiesSaidAt = now
        if self.policies != nil { self.touchedAt = max(self.touchedAt ?? now, now) }
        self.nextAction = self.judgeNextAction()
    }
}
