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

/// That a machine will be taken back. Another machine, or another time, is another notice.
package struct SpotNotice: Hashable, Sendable, Codable {
    package var upstreamID: UpstreamID
    package var reclaimAt: Timestamp

    package init(upstreamID: UpstreamID, reclaimAt: Timestamp) {
        self.upstreamID = upstreamID
        self.reclaimAt = reclaimAt
    }
}

extension Instance {
    /// Nil while none is given.
    var spotNotice: SpotNotice? {
        guard let upstream = self.upstream, let spot = self.spot, spot.isNotice, let reclaimAt = spot.reclaimAt else { return nil }
        return SpotNotice(upstreamID: upstream.id, reclaimAt: reclaimAt)
    }

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
