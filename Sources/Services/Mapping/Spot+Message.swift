internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension NovitaiV1.SpotFacts {
    init(_ spot: SpotFacts) {
        self.init()
        self.status = spot.status
        self.reclaimTime = spot.reclaimAt.map { GoogleProtobuf.Timestamp($0) }
    }
}

extension NovitaiV1.Replacement {
    init(_ replacement: Replacement) {
        self.init()
        self.placement = replacement.placement.map { NovitaiV1.Placement($0) }
        self.upstreamId = replacement.upstreamID?.rawValue ?? ""
    }
}

extension NovitaiV1.SpotRecovery {
    /// Nil: as the server is set up.
    init(_ recovery: SpotRecovery?) {
        switch recovery {
        case nil: self = .unspecified
        case .some(.none): self = .none
        case .start: self = .start
        case .migrate: self = .migrate
        case .replace: self = .replace
        }
    }

    /// Nil for what this version does not know, and for what is not said.
    var recovery: SpotRecovery? { SpotRecovery.allCases.first { Self($0) == self } }

    var isKnown: Bool { self == .unspecified || self.recovery != nil }
}
