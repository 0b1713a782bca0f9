internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension NovitaiV1.Instance {
    init(_ instance: Instance) {
        self.init()
        self.id = instance.id.rawValue
        self.name = instance.name
        self.tenant = instance.tenant.rawValue
        self.spec = NovitaiV1.InstanceSpec(instance.spec)
        self.environmentNames = instance.spec.environmentNames
        self.labels = instance.labels
        self.desiredState = NovitaiV1.DesiredState(instance.desiredState)
        self.state = NovitaiV1.InstanceState(instance.state)
        self.stateReason = NovitaiV1.StateReason(instance.stateReason)
        self.stateMessage = instance.stateMessage
        self.readiness = NovitaiV1.Readiness(instance.readiness)
        self.placement = instance.placement.map { NovitaiV1.Placement($0) }
        self.endpoints = instance.endpoints.map { NovitaiV1.Endpoint($0) }
        self.upstream = instance.upstream.map { NovitaiV1.Upstream($0) }
        self.jobId = instance.jobID?.rawValue ?? ""
        self.deletionProtection = instance.deletionProtection
        self.createTime = GoogleProtobuf.Timestamp(instance.createdAt)
        self.updateTime = GoogleProtobuf.Timestamp(instance.updatedAt)
        self.runningSince = instance.runningSince.map { GoogleProtobuf.Timestamp($0) }
        self.deleteTime = instance.deletedAt.map { GoogleProtobuf.Timestamp($0) }
        self.revision = instance.revision.number
        self.owedMachines = instance.owedMachines.map { NovitaiV1.OwedMachine($0) }
        self.policies = instance.policies.map { NovitaiV1.InstancePolicies($0) }
        self.nextAction = instance.nextAction.map { NovitaiV1.NextAction($0) }
        self.touchTime = instance.touchedAt.map { GoogleProtobuf.Timestamp($0) }
        self.spot = instance.spot.map { NovitaiV1.SpotFacts($0) }
        self.recoveryTimes = (instance.recoveries ?? []).map { GoogleProtobuf.Timestamp($0) }
        self.replacement = instance.replacement.map { NovitaiV1.Replacement($0) }
        self.billing = instance.billing.map { NovitaiV1.InstanceBilling($0) }
        self.probes = (instance.probes ?? []).map { NovitaiV1.ProbeResult($0) }
        if !instance.state.isFinal { self.notReadyReason = instance.notReadyReason }
        guard instance.wastedCost > .zero else { return }
        self.wastedCost = NovitaiV1.Money(instance.wastedCost)
        self.wastedMachines = (instance.wastedMachines ?? []).map { NovitaiV1.WastedMachine($0) }
    }
}

extension NovitaiV1.ProbeResult {
    init(_ result: ProbeResult) {
        self.init()
        self.port = UInt32(clamping: result.port)
        self.address = result.address
        self.healthy = result.isHealthy
        self.latency = GoogleProtobuf.Duration(result.latency)
        self.detail = result.detail
        self.checkedAt = GoogleProtobuf.Timestamp(result.checkedAt)
    }
}

extension NovitaiV1.OwedMachine {
    init(_ machine: OwedMachine) {
        self.init()
        self.kind = machine.kind == .extra ? .extra : .deleting
        self.instanceId = machine.instanceID.rawValue
        self.upstreamId = machine.upstreamID?.rawValue ?? ""
        self.hourlyPrice = NovitaiV1.Money(machine.hourlyPrice)
        self.since = GoogleProtobuf.Timestamp(machine.since)
    }
}

extension NovitaiV1.WastedMachine {
    init(_ machine: WastedMachine) {
        self.init()
        self.upstreamId = machine.upstreamID.rawValue
        self.hourlyPrice = NovitaiV1.Money(machine.hourlyPrice)
        self.since = GoogleProtobuf.Timestamp(machine.since)
        self.until = GoogleProtobuf.Timestamp(machine.until)
        self.cost = NovitaiV1.Money(machine.cost)
    }
}

extension NovitaiV1.Placement {
    init(_ placement: Placement) {
        self.init()
        self.productId = placement.productID
        self.productName = placement.productName
        self.regionId = placement.clusterID
        self.regionName = placement.clusterName
        self.billingMode = NovitaiV1.BillingMode(placement.billingMode)
        self.hourlyPrice = NovitaiV1.Money(placement.hourlyPrice)
    }
}

extension NovitaiV1.Endpoint {
    init(_ endpoint: Endpoint) {
        self.init()
        self.port = UInt32(clamping: endpoint.port)
        self.protocol = NovitaiV1.PortProtocol(endpoint.protocol)
        self.address = endpoint.address
    }
}

extension NovitaiV1.Upstream {
    init(_ facts: UpstreamFacts) {
        self.init()
        self.id = facts.id.rawValue
        self.status = facts.status
        self.error = facts.error
        self.observedAt = GoogleProtobuf.Timestamp(facts.observedAt)
    }
}

extension NovitaiV1.DesiredState {
    init(_ state: DesiredState) {
        switch state {
        case .running: self = .running
        case .stopped: self = .stopped
        case .deleted: self = .deleted
        }
    }
}

extension NovitaiV1.InstanceState {
    init(_ state: InstanceState) {
        switch state {
        case .pending: self = .pending
        case .provisioning: self = .provisioning
        case .starting: self = .starting
        case .running: self = .running
        case .restarting: self = .restarting
        case .updating: self = .updating
        case .stopping: self = .stopping
        case .stopped: self = .stopped
        case .migrating: self = .migrating
        case .suspended: self = .suspended
        case .deleting: self = .deleting
        case .deleted: self = .deleted
        case .failed: self = .failed
        case .unrecognized: self = .unrecognized
        }
    }
}

extension NovitaiV1.StateReason {
    init(_ reason: StateReason) {
        switch reason {
        case .none: self = .unspecified
        case .requested: self = .requested
        case .noCapacity: self = .noCapacity
        case .refused: self = .refused
        case .startupTimeout: self = .startupTimeout
        case .providerError: self = .providerError
        case .reclaimed: self = .reclaimed
        case .vanished: self = .vanished
        case .orphaned: self = .orphaned
        case .superseded: self = .superseded
        case .external: self = .external
        case .policy: self = .policy
        }
    }
}

extension NovitaiV1.Readiness {
    init(_ readiness: Readiness) {
        switch readiness {
        case .notReady: self = .notReady
        case .ready: self = .ready
        }
    }
}
