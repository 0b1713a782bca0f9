package import Traces

/// Decides what a caller's request becomes: one commit that makes it durable, or a refusal. Pure: it asks nothing and changes
/// nothing. A commit that the store refuses for a conflict is decided again from what is there then.
package struct Admission: Sendable {
    let settings: FleetSettings

    package init(settings: FleetSettings) {
        self.settings = settings
    }

    /// What is known when a request is judged.
    package struct Occasion: Sendable {
        package var now: Timestamp
        /// Fresh ids, for what the request may bring into being.
        package var instanceID: InstanceID
        package var jobID: JobID
        package var request: RequestKey
        /// See `RequestRecord.payloadDigest`.
        package var payloadDigest: [UInt8]
        /// Who asks, for the audit log.
        package var actor: String
        /// What the account has; nil when that is not known, and then nothing is refused for it.
        package var funds: Funds?
        /// Of everything that is not proven gone.
        package var hourlySpend: MicroUSD
        /// Who asks, with the ceilings of now; nil when that is not known.
        package var owner: Owner?
        /// The span of the call that asks.
        package var trace: TraceContext?

        package init(
            now: Timestamp, instanceID: InstanceID, jobID: JobID, request: RequestKey, payloadDigest: [UInt8], actor: String = "",
            funds: Funds? = nil, hourlySpend: MicroUSD = .zero, owner: Owner? = nil, trace: TraceContext? = nil
        ) {
            self.owner = owner
            self.funds = funds
            self.hourlySpend = hourlySpend
            self.trace = trace
            self.now = now
            self.instanceID = instanceID
            self.jobID = jobID
            self.request = request
            self.payloadDigest = payloadDigest
            self.actor = actor
        }
    }

    /// A request that is granted.
    package struct Admitted: Sendable {
        package var commit: Commit
        /// As they will be once the commit is applied, but for their revisions.
        package var instance: Instance
        package var job: Job
    }

    /// Everything that a create call says.
    package struct NewInstance: Sendable {
        package var tenant: TenantID
        package var owner: Owner?
        /// Empty: made from the id.
        package var name: String
        package var spec: InstanceSpec
        package var environment: InstanceEnvironment
        package var labels: [String: String]
        package var deletionProtection: Bool
        package var policies: InstancePolicies

        package init(
            tenant: TenantID, owner: Owner? = nil, name: String, spec: InstanceSpec,
            environment: InstanceEnvironment = InstanceEnvironment(),
            labels: [String: String] = [:], deletionProtection: Bool = false, policies: InstancePolicies = InstancePolicies()
        ) {
            self.tenant = tenant
            self.owner = owner
            self.name = name
            self.spec = spec
            self.environment = environment
            self.labels = labels
            self.deletionProtection = deletionProtection
            self.policies = policies
        }
    }

    /// A new instance and the job that brings it about.
    /// - Throws: `invalidArgument`, `noCandidate`, `noCapacity`.
    package func create(_ new: NewInstance, planner: Planner, on occasion: Occasion) throws(FleetError) -> Admitted {
        let (placement, isAwaited) = try self.bestPlacement(for: new, planner: planner, at: occasion.now)
        try Self.checkFunds(for: placement, on: occasion)
        var spec = new.spec
        spec.environmentNames = new.environment.values.keys.sorted()
        let name = new.name.isEmpty ? occasion.instanceID.rawValue : new.name
        var job = Job(
            id: occasion.jobID, type: .createInstance, tenant: new.tenant, instanceID: occasion.instanceID, step: .place,
            requestID: occasion.request.requestID, trace: occasion.trace, createdAt: occasion.now)
        var instance = Instance(
            id: occasion.instanceID, name: name, tenant: new.tenant, owner: new.owner, spec: spec, labels: new.labels,
            deletionProtection: new.deletionProtection, policies: new.policies.isEmpty ? nil : new.policies, placement: placement,
            jobID: job.id, createdAt: occasion.now)
        if isAwaited { job.enterLine(of: &instance, JobStepper.soldOut, at: occasion.now) }
        let commit = Commit(
            guards: [
                .requestIsNew(occasion.request), .permitted(.begin), .nameIsFree(new.tenant, name), .ceilings(self.settings.ceilings),
            ] + (new.owner?.guards ?? []),
            instances: [instance], jobs: [Commit.JobWrite(job)], request: occasion.record(of: instance.id, job: job.id),
            environments: [instance.id: new.environment],
            audit: [.request(occasion, instance: instance, job: job, effect: isAwaited ? JobStepper.soldOut : "a machine is asked for")])
        return Admitted(commit: commit, instance: instance, job: job)
    }

    /// All rules that a create call must satisfy, whatever is on offer and in use; what `validate_only` and `PlanInstance` check too.
    package static func violations(of new: NewInstance) -> [FieldViolation] {
        SpecRules.violations(ofName: new.name) + SpecRules.violations(of: new.spec) + SpecRules.violations(of: new.environment)
            + SpecRules.violations(ofLabels: new.labels)
    }

    static func checkFunds(for placement: Placement, on occasion: Occasion) throws(FleetError) {
        guard let funds = occasion.funds else { return }
        let refusal = self.refusal(of: placement.hourlyPrice, funds, occasion.hourlySpend, at: occasion.now)
        if let refusal { throw refusal }
    }

    /// Nil when the account carries one more machine at this price for an hour, as far as is known.
    static func refusal(of price: MicroUSD, _ funds: Funds, _ hourlySpend: MicroUSD, at now: Timestamp) -> FleetError? {
        funds.refusal(of: price, at: now, hourlySpend: hourlySpend).map { left in
            FleetError(
                .balanceTooLow, "the account has \(left) left, \(hourlySpend) per hour in use and \(price) per hour asked for")
        }
    }

    /// What would be asked for now, or what it would be if there were room and the request may wait for that.
    private func bestPlacement(
        for new: NewInstance, planner: Planner, at now: Timestamp
    ) throws(FleetError) -> (placement: Placement, isAwaited: Bool) {
        let violations = Self.violations(of: new) + planner.unknownNames(in: new.spec)
        guard violations.isEmpty else { throw .invalid(violations) }
        let candidates = planner.candidates(for: new.spec, at: now)
        if let best = candidates.first, best.verdict == .eligible { return (best.placement, false) }
        if let until = new.spec.waitForCapacityUntil, until > now, let awaited = candidates.awaited { return (awaited.placement, true) }
        throw Self.refusal(from: candidates.filter { $0.verdict != .notRequested })
    }

    /// Out of stock is worth another try; the rest is for the caller to change.
    private static func refusal(from candidates: [Candidate]) -> FleetError {
        let reasons = candidates.prefix(8).map { "\($0.placement.productName) in \($0.placement.clusterID): \($0.reason)" }
            .joined(separator: "; ")
        if candidates.contains(where: \.lacksOnlyCapacity) {
            return FleetError(.noCapacity, "no capacity now: \(reasons)", retryAfter: Cooldowns.duration)
        }
        if !candidates.isEmpty, candidates.allSatisfy({ $0.verdict == .diskOutOfRange || $0.verdict == .notInRegion }),
            let disk = candidates.first(where: { $0.verdict == .diskOutOfRange })
        {
            return .invalid([FieldViolation("spec.disk_gb", disk.reason)])
        }
        return FleetError(.noCandidate, reasons.isEmpty ? "no offer fits" : "no offer fits: \(reasons)")
    }
}

extension Admission.Occasion {
    func record(of instance: InstanceID, job: JobID) -> RequestRecord {
        RequestRecord(key: self.request, payloadDigest: self.payloadDigest, instanceID: instance, jobID: job, createdAt: self.now)
    }
}

extension Planner {
    /// Products and regions that the provider does not have, and a number of GPUs that its products cannot have.
    package func unknownNames(in spec: InstanceSpec) -> [FieldViolation] {
        let named = spec.products.prefix(SpecRules.productsMax).compactMap(self.product)
        let other = named.first { $0.isCPU != spec.isCPU }
        let unknown = self.namesNotOffered(in: spec)
        guard let other else { return unknown }
        let rule = other.isCPU ? "must be 0 for \(other.name), which has none" : "must be 1 to 8 for \(other.name)"
        return [FieldViolation("spec.gpu_count", rule)] + unknown
    }

    private func namesNotOffered(in spec: InstanceSpec) -> [FieldViolation] {
        spec.products.prefix(SpecRules.productsMax).enumerated().filter { !$1.isEmpty && self.product($1) == nil }
            .map { FieldViolation("spec.products[\($0)]", "no product is called \($1)") }
            + spec.regions.prefix(SpecRules.regionsMax).enumerated().filter { self.cluster($1) == nil }
            .map { FieldViolation("spec.regions[\($0)]", "no region is called \($1)") }
    }
}
