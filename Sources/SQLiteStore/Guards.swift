import Fleet

extension Transaction {
    /// Throws the error that says which condition does not hold.
    func check(_ condition: Guard, for commit: Commit) throws {
        switch condition {
        case .lease(let id, let token):
            guard try self.leaseToken(of: id) == token else { throw StoreError.leaseLost(id) }
        case .instance(let id, let revision):
            guard try self.instanceRevision(id) == revision else { throw StoreError.conflict(id) }
        case .nameIsFree(let tenant, let name):
            if let holder = try self.holder(ofName: name, tenant: tenant) { throw StoreError.nameTaken(holder) }
        case .requestIsNew(let key):
            if let existing = try self.request(key) { throw StoreError.requestExists(existing) }
        case .ceilings(let ceilings):
            try self.check(ceilings, inUse: try self.liability(), for: commit)
        case .ownCeilings(let ceilings, let principal):
            try self.check(ceilings, inUse: try self.liability(ofPrincipal: principal), of: principal, for: commit)
        case .permitted(let action):
            if let refusal = try self.fleetControl().refusal(of: action) { throw StoreError.controlled(refusal) }
        case .brake(let brake, let now):
            try self.check(brake, at: now)
        case .queueIsOpen(let type):
            if let pause = try self.fleetControl().pause(of: type) { throw StoreError.paused(pause) }
        case .control(let control):
            guard try self.fleetControl() == control else { throw StoreError.controlChanged }
        }
    }

    private func check(_ brake: Brake, at now: Timestamp) throws {
        let inMinute = try self.automaticEndings(after: now - Brake.minute, upTo: now)
        let inWindow = try self.automaticEndings(after: now - Brake.fleetWindow, upTo: now)
        let fleet = Int(try self.liability().machines) - (try self.createsInLine())
        if let reached = brake.reached(inMinute: inMinute, inWindow: inWindow, fleet: fleet) { throw StoreError.braked(reached) }
    }

    /// - Parameter principal: whose ceilings they are; nil for everybody's. A commit writes instances of one principal.
    private func check(_ ceilings: Ceilings, inUse: Liability, of principal: PrincipalID? = nil, for commit: Commit) throws {
        let requested = try self.liabilityAdded(by: commit)
        func check(_ ceiling: CeilingReached.Ceiling, limit: Int64, inUse: Int64, requested: Int64) throws {
            guard inUse + requested <= limit else {
                throw StoreError.ceilingReached(
                    CeilingReached(ceiling: ceiling, principal: principal, limit: limit, inUse: inUse, requested: requested))
            }
        }
        try check(.instances, limit: Int64(ceilings.maxInstances), inUse: inUse.machines, requested: requested.machines)
        try check(.hourlySpend, limit: ceilings.maxHourlySpend.micros, inUse: inUse.hourlySpend, requested: requested.hourlySpend)
    }

    /// An instance that is written twice counts as it is written last.
    private func liabilityAdded(by commit: Commit) throws -> Liability {
        let written = Dictionary(commit.instances.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        return try written.values.reduce(.zero) { sum, instance in
            sum + Liability(instance) - (try self.liability(of: instance.id))
        }
    }
}
