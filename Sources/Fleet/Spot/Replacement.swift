/// Another machine that is to take the place of an instance's own, which stays until the other runs.
package struct Replacement: Hashable, Sendable, Codable {
    /// Machines of this create call and later ones are meant.
    package var fromAttempt: Int
    /// Of the newest create call; nil before the first.
    package var placement: Placement?
    /// Nil while it is not known whether there is one.
    package var upstreamID: UpstreamID?
    /// When the newest create call was written down, or its machine was made before: it is not older. Nil before the first call, and of earlier
    /// releases.
    package var askedAt: Timestamp?

    package init(fromAttempt: Int) {
        self.fromAttempt = fromAttempt
    }
}

/// How a job moves an instance to another machine.
package enum Migration: String, Hashable, Sendable, Codable {
    /// The provider moves the machine, which must be stopped.
    case move
    /// It has been moved, and is started.
    case start
    /// Another machine is made.
    case replace
}

extension Instance {
    /// We know what it is made of, and which ownership tokens are in use.
    package var canBeReplaced: Bool { !self.spec.image.isEmpty && self.askedPlacements?.isEmpty == false }

    /// A machine that a replacement may have brought, and that is none too many.
    func isReplaced(by machine: Machine) -> Bool {
        guard let replacement = self.replacement, let attempt = machine.token?.attempt else { return false }
        return attempt >= replacement.fromAttempt && (replacement.upstreamID == nil || replacement.upstreamID == machine.id)
    }
}

extension Job {
    /// A machine is to be made in the place of the instance's own, which may cost as much: it is counted from now on. Its ownership tokens
    /// come after those of all create calls before.
    mutating func begin(replacing instance: inout Instance) {
        self.migration = .replace
        self.step = .place
        self.createCalls = max(self.createCalls, instance.askedPlacements?.map(\.attempt).max() ?? 0)
        instance.replacement = Replacement(fromAttempt: self.createCalls + 1)
    }

    /// It makes a machine in the place of another.
    var isReplacing: Bool { self.migration == .replace }
}

extension Instance {
    /// The other machine is not wanted any more; one that is there must go.
    mutating func dropReplacement(at now: Timestamp) {
        guard let replacement = self.replacement else { return }
        self.replacement = nil
        guard let id = replacement.upstreamID else { return }
        let machine = Machine(id: id, name: "", status: "", createdAt: replacement.askedAt)
        self.owe(machine, placement: replacement.placement, because: .notTaken, at: now)
    }

    /// The other machine runs: it is the instance's own from now on, and the one before must go.
    mutating func takeReplacement(_ machine: Machine, at now: Timestamp) {
        guard let replacement = self.replacement else { return }
        if let upstream = self.upstream {
            self.owe(Machine(id: upstream.id, name: "", status: upstream.status), placement: self.placement, because: .replaced, at: now)
        }
        self.replacement = nil
        self.placement = replacement.placement ?? self.placement
        self.runningSince = nil
        self.endpoints = []
        self.probes = nil
        self.spot = nil
        // That was about the machine before.
        self.billing = nil
        self.observe(machine, because: .requested, at: now)
    }
}
