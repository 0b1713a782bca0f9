/// Background jobs: made by a call, moved on by the clock.
extension NovitaSimulator {
    /// Jobs kept; beyond, the oldest are forgotten.
    private static let jobsMax = 10_000

    /// The jobs, newest first, and how many match.
    func page(of query: JobQuery) throws(APIError) -> (jobs: [ProviderJob], total: Int) {
        let matching = self.jobs.reversed().filter { query.matches($0) }
        return (try query.page.slice(matching, self.configuration), matching.count)
    }

    mutating func saveImage(_ request: SaveImageRequest) throws(APIError) -> String {
        try FieldRules.check(request.image, "image", length: 1...4095)
        let index = try self.standingIndex(of: request.id)
        guard self.machines[index].status == .running || self.machines[index].status == .exited else { throw .invalidStateChange }
        if !request.registryAuthID.isEmpty { try self.resources.checkCredential(request.registryAuthID) }
        return self.startJob(.saveImage, at: index)
    }

    mutating func breakJob(_ id: String) throws(APIError) {
        guard let position = self.jobs.lastIndex(where: { $0.id == id }) else { throw .jobNotFound }
        guard !self.jobs[position].state.isFinal else { throw .invalidStateChange }
        self.end(position, .broken)
        self.leaveMigration(of: self.jobs[position], returningTo: .exited)
    }

    @discardableResult
    mutating func startJob(_ kind: ProviderJob.Kind, at index: Int) -> String {
        self.jobsMade += 1
        let job = ProviderJob(
            id: "jb-\(20_000 + self.jobsMade)", kind: kind, machineID: self.machines[index].id, createdAt: self.now)
        if self.jobs.count >= Self.jobsMax { self.jobs.removeFirst() }
        self.jobs.append(job)
        self.machines[index].jobs.append(job)
        self.timeline.schedule(.job(id: job.id), at: self.now + self.configuration.timings.jobPreparing)
        return job.id
    }

    /// From prepared to running, from running to its end.
    mutating func moveOn(job id: String) {
        guard let position = self.jobs.lastIndex(where: { $0.id == id }), !self.jobs[position].state.isFinal else { return }
        let job = self.jobs[position]
        let timings = self.configuration.timings
        guard job.state == .running else {
            self.jobs[position].state = .running
            let duration = job.kind == .saveImage ? timings.savingImage : timings.migrating
            return self.timeline.schedule(.job(id: id), at: self.now + duration)
        }
        let mishap: Mishap.Kind = job.kind == .saveImage ? .failedSave : .failedMigration
        guard let index = self.machines.index(of: job.machineID), !self.machines[index].status.isLeaving else {
            return self.end(position, .fail, error: "the instance is gone")
        }
        guard !self.strikes(mishap, job.machineID) else {
            if job.kind != .saveImage { self.giveStockBack(at: index) }
            return self.end(position, .fail, error: "the node does not answer")
        }
        self.end(position, .success)
        self.leaveMigration(of: job, returningTo: self.configuration.migratedMachinesStart ? .running : .exited)
    }

    private mutating func end(_ position: Int, _ state: ProviderJob.State, error: String = "") {
        self.jobs[position].state = state
        self.jobs[position].error = error
        guard let index = self.machines.index(of: self.jobs[position].machineID) else { return }
        self.machines[index].jobs.removeAll { $0.id == self.jobs[position].id }
    }

    private mutating func leaveMigration(of job: ProviderJob, returningTo status: InstanceStatus) {
        guard job.kind != .saveImage, let index = self.machines.index(of: job.machineID), self.machines[index].status == .migrating else {
            return
        }
        guard status == .running else { return self.begin([.init(status: .exited)], at: index) }
        let timings = self.configuration.timings
        self.begin(
            [
                .init(status: .starting, duration: timings.starting),
                .init(status: .pulling, duration: self.pullingTime(of: self.machines[index])), .init(status: .running),
            ], at: index)
    }
}
