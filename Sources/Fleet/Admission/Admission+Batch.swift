/// One wish about many instances.
extension Admission {
    /// Instances that one call changes: more would hold up the commits of all others.
    package static let batchMax = 1000

    /// A request about many instances that is granted: one transaction for all of them.
    package struct AdmittedBatch: Sendable {
        package var commit: Commit
        /// As they will be once the commit is applied, but for their revisions.
        package var instances: [Instance]
        package var jobs: [Job]
    }

    /// A job of its own for each, in one transaction: all are stopped, or the call has done nothing.
    ///
    /// - Parameter makeJobID: a fresh one each time.
    /// - Throws: `invalidArgument` when there are too many.
    package func stopAll(
        _ subjects: [Subject], on occasion: Occasion, makeJobID: () -> JobID
    ) throws(FleetError) -> AdmittedBatch {
        guard subjects.count <= Self.batchMax else {
            throw .invalid([FieldViolation("filter", "fits \(subjects.count) instances, one call stops at most \(Self.batchMax)")])
        }
        let nothing = (InstanceID(rawValue: ""), JobID(rawValue: ""))
        var batch = AdmittedBatch(
            commit: Commit(
                guards: [.requestIsNew(occasion.request), .permitted(.obey)], request: occasion.record(of: nothing.0, job: nothing.1)),
            instances: [], jobs: [])
        for subject in subjects {
            var own = occasion
            own.jobID = makeJobID()
            let admitted = try self.change(.stop, subject, on: own)
            batch.commit.guards += admitted.commit.guards.filter { if case .instance = $0 { true } else { false } }
            batch.commit.instances += admitted.commit.instances
            batch.commit.jobs += admitted.commit.jobs
            batch.commit.audit += admitted.commit.audit
            batch.instances.append(admitted.instance)
            batch.jobs.append(admitted.job)
        }
        return batch
    }
}

extension Admission.Subject {
    /// There is something to stop: it may be billed by the second, or be wanted back once it has been taken away. Whose an orphan is nobody
    /// knows; it is stopped by its id alone.
    var canBeStopped: Bool {
        guard !self.instance.state.isFinal, !self.instance.isOrphan, self.instance.desiredState != .deleted else { return false }
        let isAtRest = self.instance.state == .stopped && self.instance.desiredState == .stopped && self.jobs.isEmpty
        return !self.isResting && !isAtRest
    }
}
