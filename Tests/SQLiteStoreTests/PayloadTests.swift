import Fleet
import Foundation
import JSONText
import StoreContract
import Testing
import Traces

/// Releases before this one wrote and read their payloads by Foundation's coders: each must be able to follow the other.
@Suite("Payloads")
struct PayloadTests {
    private static func expectSame<Value: Codable & Equatable>(_ value: Value, _ location: SourceLocation = #_sourceLocation) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = try JSONTextEncoder.text(of: value)
        #expect(text == String(decoding: try encoder.encode(value), as: UTF8.self), sourceLocation: location)
        #expect(try JSONTextDecoder.decode(Value.self, from: text) == value, sourceLocation: location)
        #expect(try JSONDecoder().decode(Value.self, from: Data(text.utf8)) == value, sourceLocation: location)
    }

    /// Nothing of it is nil or empty: what has no value here would not be looked at.
    private static func expectNoNil(_ value: Any, _ path: String) {
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .optional, mirror.children.isEmpty { Issue.record("\(path) is nil") }
        if mirror.displayStyle == .collection, mirror.children.isEmpty { Issue.record("\(path) is empty") }
        for child in mirror.children { self.expectNoNil(child.value, "\(path).\(child.label ?? "")") }
    }

    private static let time = Sample.time(86_400)
    private static let odd = "ü/\u{0}\"\\\n\u{1F600}"
    private static let placement = Placement(
        productID: "p", productName: odd, clusterID: "c", clusterName: "US", billingMode: .spot, hourlyPrice: MicroUSD(micros: .max))
    private static let action = NextAction(kind: .delete, cause: .lifetime, at: time)
    private static let billing = {
        var facts = BillingFacts(
            paidUntil: time, autoRenewMonths: 12, autoMigration: AutoMigration(isOn: true, includesSystemDisk: false))
        facts.endedRenewalMonths = 12
        return facts
    }()

    private static var spec: InstanceSpec {
        InstanceSpec(
            products: ["a", odd], gpuCount: 0, regions: ["r"], image: odd, registryCredentialID: "k", command: "c", entrypoint: "e",
            environmentNames: ["A"],
            ports: [PortSpec(port: 80, protocol: .http, probe: PortProbe(path: "/", expectedStatuses: [204], isOptional: true))],
            billingMode: .spot, maxHourlyPrice: .dollars(2), minCUDAVersion: "12.4",
            readiness: ReadinessRule(consecutiveSuccesses: 2, thresholdPercent: 50),
            volumes: [VolumeMount(volumeID: "v", mountPath: "/v")], networkID: "n", waitForCapacityUntil: time)
    }

    private static var instance: Instance {
        var instance = Sample.instance(
            1, owner: Owner(principal: PrincipalID(rawValue: "p"), ceilings: Ceilings(maxInstances: 1, maxHourlySpend: .dollars(3))))
        instance.spec = self.spec
        instance.placement = self.placement
        instance.askedPlacements = [AskedPlacement(attempt: 1, placement: self.placement)]
        instance.endpoints = [Endpoint(port: 80, protocol: .tcp, address: "host:80")]
        instance.probes = [
            ProbeResult(port: 80, address: "a", isHealthy: true, latency: .microseconds(-1), detail: self.odd, checkedAt: self.time)
        ]
        instance.upstream = UpstreamFacts(id: UpstreamID(rawValue: "u"), status: "running", error: self.odd, observedAt: self.time)
        instance.debts = [
            Debt(
                upstreamID: UpstreamID(rawValue: "u"), hourlyPrice: .zero, since: self.time, askedAt: self.time, isUnasked: true,
                cause: .replaced, owedSince: self.time)
        ]
        instance.wastedMachines = [
            WastedMachine(
                upstreamID: UpstreamID(rawValue: "u"), hourlyPrice: MicroUSD(micros: -1), since: self.time, until: self.time, cost: .zero)
        ]
        (instance.deleteAskedAt, instance.orphanedSince, instance.policiesSaidAt) = (self.time, self.time, self.time)
        (instance.touchedAt, instance.nextAction, instance.warnedOf) = (self.time, self.action, self.action)
        (instance.warnedAt, instance.calledOff, instance.askedAgainAt) = (self.time, [self.action], self.time)
        instance.busyAt = self.time
        instance.policies = InstancePolicies(
            idleStop: .seconds(60), idlePercent: 10, maxLifetime: .seconds(1 << 33), stopAt: self.time, deleteAt: self.time,
            startAt: self.time, lease: .milliseconds(1500), spotRecovery: .migrate)
        instance.spot = SpotFacts(status: "notified", reclaimAt: self.time)
        instance.recoveries = [self.time]
        var replacement = Replacement(fromAttempt: 2)
        (replacement.placement, replacement.upstreamID, replacement.askedAt) = (self.placement, UpstreamID(rawValue: "w"), self.time)
        instance.replacement = replacement
        instance.billing = self.billing
        (instance.runningSince, instance.deletedAt) = (self.time, self.time)
        return instance
    }

    private static var job: Job {
        var job = Job(
            id: Sample.jobID(1), type: .migrateInstance, tenant: Sample.tenant, instanceID: self.instance.id,
            step: .settle(CreateAttempt(number: 1, placement: self.placement, sentAt: self.time, callDeadline: self.time), absences: 1),
            requestID: "r", cause: .spotReclaim,
            trace: TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", state: "a=b"), createdAt: self.time)
        job.attempts = [JobAttempt(number: 1, startedAt: self.time, step: "SEND", error: self.odd)]
        job.refusedCandidates = [self.placement.candidate]
        (job.capacityWaitSince, job.capacityWaitEndedAt, job.firstSentAt) = (self.time, self.time, self.time)
        (job.heldUntil, job.isRestored) = (self.time, true)
        job.createCallsBefore = 3
        (job.acknowledgedAt, job.blindSince, job.endedAt) = (self.time, self.time, self.time)
        var update = MachineUpdate(parts: [.edit, .upgrade], before: self.spec)
        (update.mayHaveGrown, update.mayHaveResetSince, update.bringsEnvironment) = (true, self.time, false)
        job.update = update
        job.migration = .replace
        var save = ImageSave(image: self.odd)
        save.upstreamJobID = UpstreamJobID(rawValue: "s")
        job.imageSave = save
        var billing = BillingChange(
            months: 1, maxPrice: .dollars(9), autoRenewMonths: 0, autoMigration: AutoMigration(isOn: false, includesSystemDisk: true))
        billing.before = self.billing
        job.billing = billing
        job.upstreamJobsBefore = [UpstreamJobID(rawValue: "x")]
        job.retryOf = Sample.jobID(0)
        return job
    }

    @Test("An instance, with all that it can have and with nothing")
    func instances() throws {
        Self.expectNoNil(Self.instance, "instance")
        try Self.expectSame(Self.instance)
        try Self.expectSame(Sample.instance(2))
    }

    @Test("A job, with all that it can have, with nothing, and at every step")
    func jobs() throws {
        Self.expectNoNil(Self.job, "job")
        try Self.expectSame(Self.job)
        for step in [JobStep.place, .boot, .send, .confirm, .end, .unrecognized("X")] {
            var job = Sample.job(2)
            job.step = step
            try Self.expectSame(job)
        }
    }

    @Test("What is said about the fleet, who did what, and secrets")
    func others() throws {
        var control = FleetControl(
            freeze: FleetControl.Freeze(actor: "a", reason: Self.odd, since: Self.time),
            observation: FleetControl.Observation(reason: "", since: Self.time))
        control.pause(.createInstance, by: "a", reason: "b", at: Self.time)
        try Self.expectSame(control)
        try Self.expectSame(FleetControl())
        try Self.expectSame(
            AuditEntry(
                at: Self.time, tenant: Sample.tenant, actor: "a", action: "b", cause: "c", effect: Self.odd, instanceID: Self.instance.id,
                jobID: Self.job.id, upstreamID: UpstreamID(rawValue: "u"), requestID: "r", hourlyPrice: .dollars(1), endsAutomatically: true
            ))
        try Self.expectSame(AuditEntry(at: Self.time, tenant: Sample.tenant, actor: "a", action: "b", cause: "c", effect: ""))
        try Self.expectSame(InstanceEnvironment(["B": Self.odd, "A": "", Self.odd: "x"]))
        try Self.expectSame(InstanceEnvironment())
    }

    @Test("What receivers are told")
    func webhooks() throws {
        var mark = WebhookMark(asFound: Self.instance)
        mark.sequence = .max
        mark.noticed = SpotNotice(upstreamID: UpstreamID(rawValue: "m"), reclaimAt: Self.time)
        try Self.expectSame(mark)
        try Self.expectSame(WebhookMark())
        let target = WebhookTarget(id: "t", url: "https://example.com")
        try Self.expectSame(WebhookDelivery(.test(id: "e", tenant: Sample.tenant, at: Self.time), target: target, at: Self.time))
    }
}
