internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension NovitaiV1.Product {
    init(_ product: Product) {
        self.init()
        self.id = product.id
        self.name = product.name
        self.cpuCount = UInt32(clamping: product.cpuCount)
        self.memoryGb = UInt32(clamping: product.memoryGB)
        self.minDiskGb = UInt32(clamping: product.minDiskGB)
        self.maxDiskGb = UInt32(clamping: product.maxDiskGB)
        self.onDemandPrice = product.onDemandPrice.map { NovitaiV1.Money($0) }
        self.spotPrice = product.spotPrice.map { NovitaiV1.Money($0) }
        self.regionIds = product.clusterIDs
        self.stock = product.stock
        self.available = product.isAvailable
        self.kind = product.isCPU ? .cpu : .gpu
    }
}

extension NovitaiV1.Region {
    init(_ cluster: Cluster) {
        self.init()
        self.id = cluster.id
        self.name = cluster.name
        self.productNames = cluster.productNames
    }
}

extension NovitaiV1.PlanObstacle {
    init(_ error: FleetError) {
        self.init()
        self.reason = ErrorDetails(error).reason
        self.message = error.message
    }
}

extension NovitaiV1.Candidate {
    init(_ candidate: Candidate) {
        self.init()
        self.rank = UInt32(clamping: candidate.rank)
        self.productId = candidate.placement.productID
        self.productName = candidate.placement.productName
        self.regionId = candidate.placement.clusterID
        self.regionName = candidate.placement.clusterName
        self.billingMode = NovitaiV1.BillingMode(candidate.placement.billingMode)
        if candidate.placement.hourlyPrice > .zero { self.hourlyPrice = NovitaiV1.Money(candidate.placement.hourlyPrice) }
        self.stock = candidate.stock
        self.verdict = NovitaiV1.CandidateVerdict(candidate.verdict)
        self.reason = candidate.reason
    }
}

extension NovitaiV1.CandidateVerdict {
    init(_ verdict: CandidateVerdict) {
        switch verdict {
        case .eligible: self = .eligible
        case .unavailable: self = .unavailable
        case .tooExpensive: self = .tooExpensive
        case .diskOutOfRange: self = .diskOutOfRange
        case .notInRegion: self = .notInRegion
        case .noPrice: self = .noPrice
        case .coolingDown: self = .coolingDown
        case .notRequested: self = .notRequested
        }
    }
}
