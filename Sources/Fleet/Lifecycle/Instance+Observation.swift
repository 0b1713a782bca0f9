extension Instance {
    /// Takes over what the provider shows. The state's reason and message stay, unless the state changes: then it is `reason`.
    mutating func observe(_ machine: Machine, because reason: StateReason, at now: Timestamp) {
        let phase = machine.phase
        let isSameRun = self.isInRun(machine.id)
        self.upstream = UpstreamFacts(id: machine.id, status: machine.status, error: machine.statusError, observedAt: now)
        self.endpoints = Self.endpoints(from: machine, before: self.endpoints)
        let state = phase.instanceState(hasRun: self.runningSince != nil)
        // Somebody has started it at the provider, and wants it as if it had been asked of us.
        if self.state == .stopped, self.desiredState == .stopped, state == .running || state == .starting { self.startAskedAt = now }
        // What was said of the run before is over.
        if state == .running, !isSameRun { self.spot = nil }
        self.observeSpot(of: machine)
        self.observeBilling(of: machine)
        self.observePlace(of: machine)
        if state == .running, !isSameRun || self.runningSince == nil { self.runningSince = now }
        let isUnasked = self.orphanedSince != nil
        let change: StateReason = isUnasked ? .orphaned : machine.isReclaimed ? .reclaimed : reason
        if state != self.state { self.state(state, because: change, isUnasked ? self.stateMessage : machine.statusError) }
        self.judgeReadiness()
    }

    /// It has not been seen down since it was last seen running. A stop that was asked for and did not come about ends no run.
    private func isInRun(_ id: UpstreamID) -> Bool {
        guard let upstream, upstream.id == id else { return self.state == .running }
        return self.state == .running || (self.state == .stopping && UpstreamPhase(status: upstream.status) == .running)
    }

    /// Where the provider chose the place, it is known only now.
    private mutating func observePlace(of machine: Machine) {
        guard self.placement?.clusterID == "", !machine.clusterID.isEmpty else { return }
        self.placement?.clusterID = machine.clusterID
        self.placement?.clusterName = machine.clusterID
    }

    /// What was given in place of what was asked for; empty when it is that, as far as the provider shows it.
    func differences(of machine: Machine) -> String {
        guard let placement = self.placement else { return "" }
        var found: [String] = []
        func compare<Value: Equatable>(_ given: Value?, _ asked: Value, _ word: String) {
            if let given, given != asked { found.append("\(word) \(given) instead of \(asked)") }
        }
        compare(machine.productID.isEmpty ? nil : machine.productID, placement.productID, "product")
        compare(machine.gpuCount, self.spec.gpuCount, "GPUs:")
        compare(machine.clusterID.isEmpty ? nil : machine.clusterID, placement.clusterID, "region")
        compare(machine.billingMode?.rawValue, placement.billingMode.rawValue, "billed")
        if let disk = machine.diskGB, disk < self.spec.diskGB { found.append("disk of \(disk) GB instead of \(self.spec.diskGB)") }
        return found.isEmpty ? "" : "the provider gave another machine than was asked for: " + found.joined(separator: ", ")
    }

    /// Ports change with every start, so those of a machine that is down are void; a listing that leaves them out says nothing.
    private static func endpoints(from machine: Machine, before: [Endpoint]) -> [Endpoint] {
        switch machine.phase {
        case .running: machine.endpoints.isEmpty ? before : machine.endpoints
        case .unrecognized: before
        default: []
        }
    }

    mutating func state(_ state: InstanceState, because reason: StateReason, _ message: String) {
        self.state = state
        self.stateReason = reason
        self.stateMessage = message
        if state != .running { self.readiness = .notReady }
    }

    /// Nothing of it is left at the provider, debts aside.
    mutating func end(_ state: InstanceState, because reason: StateReason, _ message: String, at now: Timestamp) {
        self.state(state, because: reason, message)
        self.endpoints = []
        self.nextAction = nil
        self.dropReplacement(at: now)
        if state == .deleted { self.deletedAt = now }
    }

    /// Back to what the provider last said, after a change that did not come about.
    mutating func revertToUpstream(because reason: StateReason, _ message: String) {
        guard let upstream = self.upstream else { return }
        let state = UpstreamPhase(status: upstream.status).instanceState(hasRun: self.runningSince != nil)
        self.state(state, because: reason, message)
    }

    /// Equal in everything but when it was looked at: writing the one over the other is no event.
    func looksLike(_ other: Instance) -> Bool {
        var copy = self
        copy.updatedAt = other.updatedAt
        if let observedAt = other.upstream?.observedAt { copy.upstream?.observedAt = observedAt }
        return copy == other
    }
}
