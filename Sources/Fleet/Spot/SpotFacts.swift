/// What the provider last said of a machine that it may take back.
package struct SpotFacts: Hashable, Sendable, Codable {
    /// The provider's own word.
    package var status: String
    /// When it takes the machine back, or has; nil: no reclaim is under way.
    package var reclaimAt: Timestamp?

    package init(status: String, reclaimAt: Timestamp? = nil) {
        self.status = status
        self.reclaimAt = reclaimAt
    }

    /// It will be taken back at that time.
    package var isNotice: Bool { self.status == "notified" && self.reclaimAt != nil }
}

extension Instance {
    /// Machines are shown without these facts too, which says nothing.
    mutating func observeSpot(of machine: Machine) {
        guard !machine.spotStatus.isEmpty else { return }
        self.spot = SpotFacts(status: machine.spotStatus, reclaimAt: machine.spotReclaimAt)
    }
}

extension Machine {
    /// With what a listing shows and a direct read leaves out.
    package func completed(by listed: Machine?) -> Machine {
        guard let listed, listed.id == self.id, self.spotStatus.isEmpty else { return self }
        var machine = self
        machine.spotStatus = listed.spotStatus
        machine.spotReclaimAt = machine.spotReclaimAt ?? listed.spotReclaimAt
        return machine
    }
}
