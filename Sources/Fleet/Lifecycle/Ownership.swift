/// Which machines of a listing belong to an instance, and which of several is kept.
enum Ownership {
    /// The instance's own by token, its debts left out, and what is on its way out last.
    static func machines(of instance: Instance, deployment: DeploymentID, in machines: [Machine]) -> [Machine] {
        machines.filter { machine in
            machine.token?.deployment == deployment && machine.token?.instance == instance.id && machine.phase != .gone
                && !instance.debts.contains { $0.upstreamID == machine.id }
        }
    }

    /// Of several keep one that is proven ours; of those the running one, else the older; one that is leaving only when there is no
    /// other.
    static func kept(of machines: [Machine]) -> Machine? {
        machines.min { self.preference($0) < self.preference($1) }
    }

    private static func preference(_ machine: Machine) -> (Int, Int, Int64, UpstreamID) {
        let standing =
            switch machine.phase {
            case .running: 0
            case .leaving: 2
            default: 1
            }
        return (machine.isProvenOurs ? 0 : 1, standing, machine.createdAt?.microseconds ?? .max, machine.id)
    }
}

extension Machine {
    /// The name carries the token, and the environment, where it is listed, no other. An environment alone proves nothing: it is
    /// copied with a machine that somebody clones. Such a machine is shown, and never deleted as one too many.
    package var isProvenOurs: Bool { self.token != nil && OwnershipToken(self.name) == self.token }
}

extension Instance {
    /// Of a replacement, or of the instance's own machine.
    mutating func ask(for placement: Placement, attempt: Int, at now: Timestamp) {
        let asked = (self.askedPlacements ?? []) + [AskedPlacement(attempt: attempt, placement: placement)]
        self.askedPlacements = asked.suffix(Self.askedPlacementsKept)
        if self.replacement == nil {
            self.placement = placement
        } else {
            self.replacement?.placement = placement
            self.replacement?.askedAt = now
        }
    }

    /// Where the machine of that create call is and what it costs. When that is not known the dearest that was asked for, so that
    /// nothing is counted too low.
    func placement(ofAttempt attempt: Int?) -> Placement? {
        let asked = self.askedPlacements ?? []
        if let named = asked.last(where: { $0.attempt == attempt }) { return named.placement }
        return (asked.map(\.placement) + [self.placement].compactMap { $0 }).max { $0.hourlyPrice < $1.hourlyPrice }
    }

    /// False for a machine of a create call that we know nothing of: attempts are durable before their calls, so a later history than ours
    /// has made it, or a copy of us. Nothing may be concluded about who wants it.
    func hasAsked(for machine: Machine) -> Bool {
        guard let asked = self.askedPlacements, let attempt = machine.token?.attempt else { return true }
        if asked.contains(where: { $0.attempt == attempt }) { return true }
        return asked.count == Self.askedPlacementsKept && asked.first.map { attempt < $0.attempt } ?? false
    }

    /// Somebody wants all of it gone, machines that nobody knew of included. A policy is nobody: it knows of its own machine only.
    var isToGoAltogether: Bool {
        guard self.desiredState == .deleted, self.state != .failed else { return false }
        return self.stateReason != .startupTimeout && self.stateReason != .providerError && self.stateReason != .policy
    }

    /// A machine too many: it must go, and what it costs until then is waste. `placement`: where it is, when that is known better
    /// than its token tells.
    mutating func owe(_ machine: Machine, placement: Placement? = nil, because cause: Debt.Cause? = nil, at now: Timestamp) {
        guard !self.debts.contains(where: { $0.upstreamID == machine.id }) else { return }
        let placement = placement ?? self.placement(ofAttempt: machine.token?.attempt)
        let since = min(machine.createdAt ?? now, now)
        self.debts.append(
            Debt(
                upstreamID: machine.id, hourlyPrice: placement?.hourlyPrice ?? .zero, since: since,
                isUnasked: self.hasAsked(for: machine) ? nil : true, cause: cause, owedSince: since < now ? now : nil))
    }

    /// The machine has been seen gone. What a replaced one has cost since is the price of replacing it, and no waste.
    ///
    /// - Returns: what it has cost; nil when it was not owed.
    mutating func settleDebt(_ id: UpstreamID, at now: Timestamp) -> WastedMachine? {
        guard let position = self.debts.firstIndex(where: { $0.upstreamID == id }) else { return nil }
        let debt = self.debts.remove(at: position)
        let gone = WastedMachine(upstreamID: id, hourlyPrice: debt.hourlyPrice, since: debt.since, until: now, cost: debt.cost(until: now))
        guard debt.cause != .replaced else { return gone }
        self.wastedCost = self.wastedCost + gone.cost
        self.wastedMachines = ((self.wastedMachines ?? []) + [gone]).suffix(Self.wastedMachinesKept)
        return gone
    }
}

extension Debt {
    /// In capitals, for the audit log.
    var causeWord: String {
        switch self.cause {
        case nil: "SECOND_MACHINE"
        case .replaced: "REPLACED"
        case .notTaken: "REPLACEMENT_NOT_TAKEN"
        }
    }

    /// By quoted price; each second that has begun counts.
    func cost(until now: Timestamp) -> MicroUSD {
        let seconds = max(0, ((now - self.since).wholeMicroseconds + 999_999) / 1_000_000)
        return MicroUSD(micros: (self.hourlyPrice.micros * seconds + 1800) / 3600)
    }
}
