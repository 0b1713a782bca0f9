/// A difference between a listing and our records. A listing may lag, shift or be cut: it raises the question, a direct read of
/// the machine answers it.
package struct ReconciliationQuestion: Hashable, Sendable {
    package enum Kind: Int, Hashable, Sendable, Comparable {
        /// A machine too many, known as such: is it gone?
        case debt
        /// One of ours that no living instance has.
        case stranger
        /// A second machine of a living instance.
        case extra
        /// Ours and not in the listing.
        case missing
        /// In another state than we hold, without a job of ours that would explain it.
        case changed

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    package var kind: Kind
    package var instanceID: InstanceID
    package var upstreamID: UpstreamID
    /// As the listing shows it; nil when it does not.
    package var listed: Machine?
    /// Of a second machine: the instance's own, as the listing shows it, and then as a direct read does. It is the one too many when the second
    /// is kept.
    package var own: Machine?

    package init(kind: Kind, instanceID: InstanceID, upstreamID: UpstreamID, listed: Machine? = nil) {
        self.kind = kind
        self.instanceID = instanceID
        self.upstreamID = upstreamID
        self.listed = listed
    }
}

/// What follows from a direct read.
package enum ReconciliationAnswer: Sendable {
    /// All is as we hold it, or a job sees to it.
    case nothing
    /// Was not found once; ask again in the next sweep before believing it.
    case suspect
    case commit(Commit)
    /// A machine too many that still stands: delete it, once the commit says so durably; nil when it has been said before.
    case release(UpstreamID, Commit?)
    /// Our token stands only in its environment: for people to look into.
    case unproven(UpstreamID)
}

/// Compares listings with records, and judges the answers. Pure; see design of money safety: nothing is stopped or deleted here but
/// the second of two machines that one request brought about, and late machines of instances that were deleted or never came up.
package struct Reconciliation: Sendable {
    private let deployment: DeploymentID
    private let brake: Brake

    package init(deployment: DeploymentID, brake: Brake) {
        self.deployment = deployment
        self.brake = brake
    }

    /// - Parameters:
    ///   - busy: instances with jobs that look after the state of their machine themselves; see `Job.watchesMachine`.
    ///   - resting: instances that are none of this release's business, and not in `living`; see `UnreadJob`.
    ///   - believesAbsence: false leaves out what only is not in the listing.
    package func questions(
        from listing: MachineListing, living: [Instance], busy: Set<InstanceID>, resting: Set<InstanceID> = [], believesAbsence: Bool
    ) -> [ReconciliationQuestion] {
        let known = Dictionary(living.map { ($0.id, $0) }) { first, _ in first }
        let listed = Dictionary(listing.machines.map { ($0.id, $0) }) { first, _ in first }
        let ours = listing.machines.filter { $0.token?.deployment == self.deployment && $0.isProvenOurs && !$0.isLeavingOrGone }
        let proven = Set(ours.compactMap { $0.token?.instance })
        let fromMachines = listing.machines.filter { $0.token.map { !resting.contains($0.instance) } ?? true }
            .compactMap { self.question(about: $0, known: known, listed: listed, proven: proven, isShort: listing.isShort) }
        let fromRecords = living.flatMap { instance in
            self.questions(about: instance, listed: listed, listing: listing, isBusy: busy.contains(instance.id), believesAbsence)
        }
        return (fromMachines + fromRecords).sorted { ($0.kind, $0.instanceID, $0.upstreamID) < ($1.kind, $1.instanceID, $1.upstreamID) }
    }

    /// Machines on the account that are not ours.
    package func foreignCount(in listing: MachineListing) -> Int {
        self.foreign(in: listing).count
    }

    /// Machines on the account that are not ours: shown, never touched.
    package func foreign(in listing: MachineListing) -> [Machine] {
        listing.machines.filter { $0.token?.deployment != self.deployment }
    }

    /// Machines with our token in the environment and another name, which no instance of ours has: a copy that somebody made of ours,
    /// or one of ours that somebody renamed. Shown, and never touched.
    package func suspects(in listing: MachineListing, living: [Instance]) -> [UpstreamID] {
        let held = Set(living.compactMap { $0.upstream?.id })
        return listing.machines.filter { machine in
            machine.token?.deployment == self.deployment && !machine.isProvenOurs && !machine.isLeavingOrGone && !held.contains(machine.id)
        }.map(\.id)
    }

    private func question(
        about machine: Machine, known: [InstanceID: Instance], listed: [UpstreamID: Machine], proven: Set<InstanceID>, isShort: Bool
    ) -> ReconciliationQuestion? {
        guard let token = machine.token, token.deployment == self.deployment, !machine.isLeavingOrGone else { return nil }
        func ask(_ kind: ReconciliationQuestion.Kind) -> ReconciliationQuestion {
            ReconciliationQuestion(kind: kind, instanceID: token.instance, upstreamID: machine.id)
        }
        guard let instance = known[token.instance] else {
            // A record that was lost is found again by its own machine, and not by a copy that somebody has made of that, though the listing lacks
            // the one.
            return machine.isProvenOurs || !(proven.contains(token.instance) || isShort) ? ask(.stranger) : nil
        }
        if instance.debts.contains(where: { $0.upstreamID == machine.id }) { return nil }
        guard machine.isProvenOurs || instance.upstream?.id == machine.id else { return nil }
        if instance.state.isFinal { return ask(.stranger) }
        // Without a machine yet, the create job settles what is listed; not so one that stands in line, which does not look.
        guard let upstream = instance.upstream else { return instance.waitsForCapacity ? ask(.extra) : nil }
        guard upstream.id != machine.id, !instance.isReplaced(by: machine) else { return nil }
        var question = ask(.extra)
        question.own = listed[upstream.id]
        return question
    }

    private func questions(
        about instance: Instance, listed: [UpstreamID: Machine], listing: MachineListing, isBusy: Bool, _ believesAbsence: Bool
    ) -> [ReconciliationQuestion] {
        func ask(_ kind: ReconciliationQuestion.Kind, _ id: UpstreamID) -> ReconciliationQuestion {
            ReconciliationQuestion(kind: kind, instanceID: instance.id, upstreamID: id)
        }
        var questions = instance.debts.map { debt in
            var question = ask(.debt, debt.upstreamID)
            // What is leaving may be gone for one reader and not yet for the other.
            question.listed = listed[debt.upstreamID].flatMap { $0.isLeavingOrGone ? nil : $0 }
            return question
        }
        guard !isBusy, !instance.state.isFinal, let upstream = instance.upstream, upstream.observedAt < listing.begunAt else {
            return questions
        }
        if let machine = listed[upstream.id] {
            if self.differs(instance, from: machine) || instance.lacksPrice {
                var question = ask(.changed, upstream.id)
                question.listed = machine
                questions.append(question)
            }
        } else if believesAbsence, instance.replacement == nil {
            // With its record another machine would go that is to take its place.
            questions.append(ask(.missing, upstream.id))
        }
        return questions
    }

    private func differs(_ instance: Instance, from machine: Machine) -> Bool {
        var observed = instance
        observed.observe(machine, because: .external, at: machine.createdAt ?? instance.createdAt)
        observed.runningSince = instance.runningSince
        return !observed.looksLike(instance) || (machine.phase == .running && !instance.hasEndpoints)
    }

    // MARK: Answers

    /// - Parameters:
    ///   - instance: as it is now: living, or from history; nil when there is no record at all.
    ///   - machine: what the direct read brought; nil when there is none.
    ///   - hourlyPrice: of a machine without a record, when it is known.
    ///   - wasAbsent: the previous sweep did not find it either.
    package func answer(
        _ question: ReconciliationQuestion, instance: Instance?, machine: Machine?, wasAbsent: Bool, placement: Placement?,
        at now: Timestamp
    ) -> ReconciliationAnswer {
        switch question.kind {
        case .debt: self.answerDebt(question, instance, machine, wasAbsent: wasAbsent, placement, at: now)
        case .stranger: self.answerStranger(instance, machine, placement, at: now)
        // It may have ended since the question arose.
        case .extra where instance?.state.isFinal == true: self.answerStranger(instance, machine, placement, at: now)
        case .extra: self.answerExtra(instance, machine, own: question.own, at: now)
        // One of two readers at the provider does not know it: nothing is known.
        case .changed where machine == nil && question.listed?.isLeavingOrGone != true: .nothing
        case .missing, .changed:
            self.answerState(
                question.upstreamID, instance, machine?.completed(by: question.listed), wasAbsent: wasAbsent, placement, at: now)
        }
    }

    private func answerDebt(
        _ question: ReconciliationQuestion, _ instance: Instance?, _ machine: Machine?, wasAbsent: Bool, _ placement: Placement?,
        at now: Timestamp
    ) -> ReconciliationAnswer {
        guard var instance else { return .nothing }
        if let machine, !machine.isLeavingOrGone {
            let debt = instance.debts.first { $0.upstreamID == machine.id }
            guard machine.isProvenOurs || debt?.cause != nil else { return .unproven(machine.id) }
            if debt?.isUnasked == true, instance.state.isFinal, !instance.isToGoAltogether {
                return self.takeUp(machine, by: instance, placement, at: now)
            }
            return self.release(machine.id, of: instance, at: now)
        }
        guard machine == nil || machine?.phase == .gone else { return .nothing }
        // A machine that is billed must not be forgotten for one answer; where it is called gone, that is the provider's word.
        guard machine != nil || (wasAbsent && question.listed == nil) else { return .suspect }
        let (before, debt) = (instance, instance.debts.first { $0.upstreamID == question.upstreamID })
        guard let debt, let gone = instance.settleDebt(question.upstreamID, at: now) else { return .nothing }
        let entry = AuditEntry.found(
            "MachineGone", instance, upstream: gone.upstreamID, cause: debt.causeWord,
            effect: debt.cause == .replaced ? "it has cost \(gone.cost) since it was replaced" : "it has cost \(gone.cost), which is waste",
            price: gone.hourlyPrice, at: now)
        return self.commit(instance, over: before, entry, at: now)
    }

    /// A machine too many, proven ours and read a moment ago, is deleted. The first time is written down before, and goes past the brake.
    package func release(_ id: UpstreamID, of instance: Instance, at now: Timestamp) -> ReconciliationAnswer {
        guard let position = instance.debts.firstIndex(where: { $0.upstreamID == id }) else { return .nothing }
        guard instance.debts[position].isUnasked != true || instance.isToGoAltogether else { return .nothing }
        guard instance.debts[position].askedAt == nil else { return .release(id, nil) }
        var released = instance
        released.debts[position].askedAt = now
        released.updatedAt = now
        let entry = AuditEntry.found(
            "DeleteMachine", instance, upstream: id, cause: instance.debts[position].causeWord,
            effect: "a machine that nobody \(instance.debts[position].cause == nil ? "asked for" : "wants any more") is deleted",
            price: instance.debts[position].hourlyPrice, at: now, endsAutomatically: true)
        return .release(
            id,
            Commit(
                guards: [.permitted(.endAutomatically), .brake(self.brake, now), .instance(instance.id, instance.revision)],
                instances: [released], audit: [entry]))
    }

    private func answerStranger(_ instance: Instance?, _ machine: Machine?, _ placement: Placement?, at now: Timestamp)
        -> ReconciliationAnswer
    {
        guard let machine, let token = machine.token, token.deployment == self.deployment, !machine.isLeavingOrGone,
            instance?.debts.contains(where: { $0.upstreamID == machine.id }) != true
        else { return .nothing }
        guard var instance else { return self.adopt(machine, token: token, placement, at: now) }
        guard instance.state.isFinal else { return .nothing }
        let before = instance
        if instance.desiredState != .deleted, instance.upstream?.id == machine.id {
            return self.takeUp(machine, by: instance, instance.placement, at: now)
        }
        guard machine.isProvenOurs else { return .unproven(machine.id) }
        // Ended as far as we know, and asked for once more since: by a history that a restored backup has lost.
        if !instance.hasAsked(for: machine) { return self.takeUp(machine, by: instance, placement, at: now) }
        instance.owe(machine, at: now)
        return self.commit(instance, over: before, .owed(instance, at: now), at: now)
    }

    /// An instance that had ended has a machine all the same: it is shown as found, and never touched without a command.
    private func takeUp(_ machine: Machine, by before: Instance, _ placement: Placement?, at now: Timestamp) -> ReconciliationAnswer {
        var instance = before
        instance.debts.removeAll { $0.upstreamID == machine.id }
        instance.desiredState = .running
        instance.deletedAt = nil
        instance.deleteAskedAt = nil
        instance.placement = placement
        // What was said of an older machine says nothing of this one.
        if before.upstream?.id != machine.id { instance.policies = nil }
        instance.findAgain(machine, at: now)
        // Its name may have been given away since.
        instance.name = instance.id.rawValue
        let entry = AuditEntry.found(
            "FoundMachine", instance, upstream: machine.id, cause: "ORPHANED", effect: "a machine that was thought gone is there",
            price: placement?.hourlyPrice, at: now)
        return self.commit(instance, over: before, entry, at: now)
    }

    /// A machine with our token and no record, as after a restored backup: shown, never touched without a command.
    private func adopt(_ machine: Machine, token: OwnershipToken, _ placement: Placement?, at now: Timestamp) -> ReconciliationAnswer {
        let spec = InstanceSpec(
            products: [machine.productID], gpuCount: machine.gpuCount ?? 1, image: "",
            ports: machine.endpoints.map { PortSpec(port: $0.port, protocol: $0.protocol) },
            billingMode: machine.billingMode ?? .onDemand)
        var instance = Instance(
            id: token.instance, name: token.instance.rawValue, tenant: .default, spec: spec, placement: placement,
            createdAt: machine.createdAt ?? now)
        // Of none of its create calls anything is known.
        instance.askedPlacements = []
        instance.findAgain(machine, at: now)
        instance.stateMessage = "found at the provider without a record here"
        let entry = AuditEntry.found(
            "FoundMachine", instance, upstream: machine.id, cause: "ORPHANED", effect: instance.stateMessage, price: placement?.hourlyPrice,
            at: now)
        return .commit(
            Commit(
                guards: [.permitted(.obey), .nameIsFree(instance.tenant, instance.name)], instances: [instance], audit: [entry]))
    }

    /// Once a machine has run, its user is on it: it is kept. Before that, the running one of two is, else the older. Of an instance that is to go,
    /// all do.
    ///
    /// - Parameter own: the instance's own machine as it was read after the other. Where it was not found, it counts from when it can have been
    ///   made first.
    private func answerExtra(_ instance: Instance?, _ machine: Machine?, own: Machine?, at now: Timestamp) -> ReconciliationAnswer {
        guard var instance, let machine, !machine.isLeavingOrGone, !instance.isReplaced(by: machine),
            !instance.debts.contains(where: { $0.upstreamID == machine.id })
        else { return .nothing }
        guard machine.isProvenOurs else { return .unproven(machine.id) }
        guard let upstream = instance.upstream else { return self.takeLate(machine, for: instance, at: now) }
        guard upstream.id != machine.id else { return .nothing }
        let before = instance
        // It may have got another machine since the question arose.
        let own = own?.id == upstream.id ? own : nil
        let ownPhase = own?.phase ?? UpstreamPhase(status: upstream.status)
        // What has stopped may have done its work, though nobody saw it run.
        let hasNotRun = instance.runningSince == nil && (ownPhase.isComingUp || ownPhase == .leaving || ownPhase == .gone)
        if hasNotRun, machine.phase == .running, instance.desiredState != .deleted {
            var dropped = own ?? Machine(id: upstream.id, name: "", status: upstream.status)
            dropped.createdAt = dropped.createdAt ?? instance.askedAgainAt ?? instance.createdAt
            instance.owe(dropped, placement: instance.placement, at: now)
            instance.observe(machine, because: .requested, at: now)
            instance.placement = instance.placement(ofAttempt: machine.token?.attempt)
        } else {
            instance.owe(machine, at: now)
        }
        return self.commit(instance, over: before, .owed(instance, at: now), at: now)
    }

    /// A create call that was proven to have made nothing has made a machine after all, while its create stands in line for another: it is what
    /// was asked for. The create sees it when it looks next.
    private func takeLate(_ machine: Machine, for before: Instance, at now: Timestamp) -> ReconciliationAnswer {
        guard before.waitsForCapacity else { return .nothing }
        var instance = before
        instance.observe(machine, because: .requested, at: now)
        instance.placement = instance.placement(ofAttempt: machine.token?.attempt)
        let entry = AuditEntry.found(
            "FoundMachine", instance, upstream: machine.id, cause: "LATE",
            effect: "a machine that an earlier create call brought late is kept", price: instance.placement?.hourlyPrice, at: now)
        return self.commit(instance, over: before, entry, at: now)
    }

    private func answerState(
        _ id: UpstreamID, _ instance: Instance?, _ machine: Machine?, wasAbsent: Bool, _ placement: Placement?, at now: Timestamp
    ) -> ReconciliationAnswer {
        // It may have got another machine since the question arose: nothing follows for that from what became of this one.
        guard var instance, !instance.state.isFinal, instance.upstream?.id == id else { return .nothing }
        let before = instance
        if let machine, machine.phase != .gone {
            guard machine.id == id else { return .nothing }
            instance.observe(machine, because: .external, at: now)
            if instance.lacksPrice { instance.placement = placement }
            return self.commit(instance, over: before, nil, at: now)
        }
        guard wasAbsent else { return .suspect }
        instance.end(.deleted, because: .vanished, "the provider has no such machine any more", at: now)
        let entry = AuditEntry.found(
            "MachineGone", instance, upstream: instance.upstream?.id, cause: "VANISHED", effect: instance.stateMessage,
            price: instance.placement?.hourlyPrice, at: now)
        return self.commit(instance, over: before, entry, at: now)
    }

    private func commit(_ instance: Instance, over before: Instance, _ entry: AuditEntry?, at now: Timestamp) -> ReconciliationAnswer {
        guard !instance.looksLike(before) else { return .nothing }
        var instance = instance
        instance.updatedAt = now
        return .commit(
            Commit(
                guards: [.permitted(.obey), .instance(before.id, before.revision)], instances: [instance], audit: entry.map { [$0] } ?? []))
    }
}

extension Machine {
    var isLeavingOrGone: Bool { self.phase == .leaving || self.phase == .gone }
}
