internal import Access
internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension NovitaiV1.FleetControl {
    init(_ control: FleetControl) {
        self.init()
        self.freeze = control.freeze.map { NovitaiV1.Freeze($0) }
        self.observation = control.observation.map { NovitaiV1.Observation($0) }
    }
}

extension NovitaiV1.Freeze {
    init(_ freeze: FleetControl.Freeze) {
        self.init()
        self.actor = freeze.actor
        self.reason = freeze.reason
        self.since = GoogleProtobuf.Timestamp(freeze.since)
    }
}

extension NovitaiV1.Observation {
    init(_ observation: FleetControl.Observation) {
        self.init()
        self.reason = observation.reason
        self.since = GoogleProtobuf.Timestamp(observation.since)
    }
}

extension NovitaiV1.Caller {
    init(_ principal: Principal) {
        self.init()
        self.id = principal.id
        self.tenant = principal.tenant
        self.role = principal.role.rawValue
    }
}

extension NovitaiV1.AuditEvent {
    init(_ record: AuditRecord) {
        self.init()
        let entry = record.entry
        self.sequence = record.sequence
        self.time = GoogleProtobuf.Timestamp(entry.at)
        self.tenant = entry.tenant.rawValue
        self.actor = entry.actor
        self.action = entry.action
        self.cause = entry.cause
        self.effect = entry.effect
        self.instanceId = entry.instanceID?.rawValue ?? ""
        self.jobId = entry.jobID?.rawValue ?? ""
        self.upstreamId = entry.upstreamID?.rawValue ?? ""
        self.requestId = entry.requestID
        self.hourlyPrice = entry.hourlyPrice.map { NovitaiV1.Money($0) }
    }
}

extension NovitaiV1.ReconcileInstancesResponse {
    init(_ report: ReconciliationReport) {
        self.init()
        self.listedAt = GoogleProtobuf.Timestamp(report.begunAt)
        self.machines = UInt32(clamping: report.machines)
        self.differences = report.differences.map { NovitaiV1.Difference($0) }
        self.differenceCount = UInt32(clamping: report.differenceCount)
        self.foreign = report.foreign.map { NovitaiV1.UpstreamMachine($0) }
        self.foreignCount = UInt32(clamping: report.foreignCount)
        self.suspicious = report.wasSuspicious
        self.applied = report.wasApplied
        self.lookedInto = UInt32(clamping: report.asked)
        self.left = UInt32(clamping: report.left)
    }
}

extension NovitaiV1.Difference {
    init(_ difference: ReconciliationReport.Difference) {
        self.init()
        self.kind =
            switch difference.question.kind {
            case .debt: .owed
            case .stranger: .withoutRecord
            case .extra: .second
            case .missing: .missing
            case .changed: .changed
            }
        self.instanceId = difference.question.instanceID.rawValue
        if let machine = difference.machine {
            self.machine = NovitaiV1.UpstreamMachine(machine)
        } else {
            var machine = NovitaiV1.UpstreamMachine()
            machine.id = difference.question.upstreamID.rawValue
            self.machine = machine
        }
    }
}

extension NovitaiV1.UpstreamMachine {
    init(_ machine: Machine) {
        self.init()
        self.id = machine.id.rawValue
        self.name = machine.name
        self.status = machine.status
        self.productId = machine.productID
        self.regionId = machine.clusterID
        self.billingMode = machine.billingMode.map { NovitaiV1.BillingMode($0) } ?? .unspecified
        self.createTime = machine.createdAt.map { GoogleProtobuf.Timestamp($0) }
    }
}
