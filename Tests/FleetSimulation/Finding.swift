import Fleet
import NovitaSimulator

/// What a run left behind, and what must hold of it whatever happened.
struct Finding: Sendable {
    let scenario: Scenario
    /// The durable log.
    let events: [Event]
    /// What the watcher was told.
    let watched: [Event]
    /// All that the provider has ever billed.
    let account: [LedgerEntry]
    let neighbours: [Neighbour.Machine]
    let outcomes: [Int: Customer.Outcome]
    let trace: [Trace.Line]
    let callTimes: [Timestamp]
    let crashesByPhase: [CreatePhase: Int]
    let crashesElsewhere: Int
    /// Oldest first.
    let audit: [AuditEntry]
    /// Addresses that have ever given a good answer.
    let healthyAddresses: Set<String>

    /// Everything that does not hold; empty when all is well.
    var violations: [String] {
        self.machineViolations + self.logViolations + self.watchViolations + self.customerViolations + self.ceilingViolations
            + self.tokenViolations + self.budgetViolations + self.wasteViolations + self.auditViolations + self.readinessViolations
            + self.policyViolations + self.neighbourViolations
    }

    /// Commits that a guard refused, by what it said.
    func refusals(_ words: String...) -> Int {
        self.trace.count { line in line.text.hasPrefix("commit refused") && words.allSatisfy { line.text.contains($0) } }
    }

    /// The word that follows in each line that begins so.
    private func words(after start: String) -> [String] {
        self.trace.filter { $0.text.hasPrefix(start) }.map { String($0.text.dropFirst(start.count).prefix { $0 != " " && $0 != "," }) }
    }

    var hasWaste: Bool { self.latestInstances.values.contains { $0.wastedCost > .zero } }

    /// A create call was proven to have brought nothing, and another was made.
    var hasSecondAttempt: Bool {
        self.events.contains { event in
            guard case .job(let job) = event.object else { return false }
            return job.createCalls > 1 && job.attempts.contains { $0.error.contains("settle window") }
        }
    }

    /// Jobs that were to make another machine in the place of an instance's own; each may make one.
    var replacements: [InstanceID: Int] {
        var jobs: [JobID: InstanceID] = [:]
        for case .job(let job) in self.events.map(\.object) where job.migration == .replace { jobs[job.id] = job.instanceID }
        return Dictionary(jobs.values.map { ($0, 1) }, uniquingKeysWith: +)
    }

    /// Machines that were taken back and recovered, by how often that was begun.
    var recoveries: Int { self.audit.count { $0.action == "RecoverMachine" } }

    // MARK: Machines and money

    /// What is billed for us.
    private var ledger: [LedgerEntry] {
        let theirs = Set(self.neighbours.map(\.id))
        return self.account.filter { !theirs.contains($0.id) }
    }

    /// What is somebody else's stands until its owner deletes it.
    private var neighbourViolations: [String] {
        let touched = self.trace.filter {
            $0.text.hasPrefix("provider ") && !$0.text.hasPrefix("provider /gpu-instance/openapi/v1/gpu/instance ")
        }
        return self.neighbours.flatMap { machine -> [String] in
            let released = self.account.first { $0.id == machine.id }?.released
            let isGoneTooSoon = released.map { at in machine.deletedAt.map { at.microseconds < $0.microseconds } ?? true } ?? false
            let calls = touched.filter { $0.text.contains(machine.id) }.map { "machine \(machine.id) of a neighbour: \($0.text)" }
            return calls + (isGoneTooSoon ? ["machine \(machine.id) of a neighbour is gone"] : [])
        }
    }

    private var machinesByInstance: [InstanceID: [LedgerEntry]] {
        Dictionary(grouping: self.ledger) { OwnershipToken($0.name)?.instance ?? InstanceID(rawValue: $0.name) }
    }

    private var machineViolations: [String] {
        var found = self.ledger.filter { $0.released == nil }.map { "machine \($0.id) of \($0.name) is never released" }
        for (instance, machines) in self.machinesByInstance.sorted(by: { $0.key < $1.key })
        where machines.count > 1 + self.replacements[instance, default: 0] {
            if !self.scenario.isBeyondSettleWindow {
                found.append("\(instance) had \(machines.count) machines: \(machines.map(\.name))")
            } else if self.latestInstances[instance]?.wastedCost == .zero {
                found.append("\(instance) had \(machines.count) machines and nothing is accounted as waste")
            }
        }
        found += self.ledger.filter { !self.scenario.isBeyondSettleWindow && self.outlivesItsRecord($0) }
            .map { "machine \($0.id) of \($0.name) was still there when its instance had ended" }
        for instance in self.latestInstances.values.sorted(by: { $0.id < $1.id }) {
            if !self.scenario.isBeyondSettleWindow, instance.wastedCost > .zero, self.replacements[instance.id] == nil {
                found.append("\(instance.id) wasted \(instance.wastedCost)")
            }
            if instance.isLiving { found.append("\(instance.id) lives on: \(instance.state), \(instance.debts.count) debts") }
        }
        return found
    }

    /// Every machine too many is accounted for by itself, and at no less than the provider bills for it.
    private var wasteViolations: [String] {
        let latest = self.latestInstances
        return self.ledger.flatMap { machine -> [String] in
            guard let instance = OwnershipToken(machine.name).flatMap({ latest[$0.instance] }),
                let wasted = instance.wastedMachines?.first(where: { $0.upstreamID.rawValue == machine.id }),
                // One that was replaced served until then.
                self.replacements[instance.id] == nil || wasted.since.microseconds <= machine.created.microseconds
            else { return [] }
            return wasted.cost.micros < machine.amount ? ["machine \(machine.id) cost \(machine.amount), accounted as \(wasted.cost)"] : []
        }
            + latest.values.sorted { $0.id < $1.id }.flatMap { instance -> [String] in
                let sum = (instance.wastedMachines ?? []).reduce(MicroUSD.zero) { $0 + $1.cost }
                return sum == instance.wastedCost ? [] : ["\(instance.id): the wasted machines do not sum up to \(instance.wastedCost)"]
            }
    }

    /// Ready is only what runs, and whose programs have answered well.
    private var readinessViolations: [String] {
        self.events.compactMap { event in
            guard case .instance(let instance) = event.object, instance.readiness == .ready else { return nil }
            let asked = instance.spec.ports.filter { $0.probe.map { !$0.isOptional } ?? false }
            let isProven = asked.allSatisfy { port in
                instance.endpoints.contains { $0.port == port.port && self.healthyAddresses.contains($0.address) }
            }
            return instance.state == .running && isProven
                ? nil : "\(instance.id) is ready at revision \(event.revision.number) without proof"
        }
    }

    // MARK: The audit log

    /// Each accepted request stands in it once, and each automatic delete before its call; of those there are never more than the brake
    /// lets past.
    private var auditViolations: [String] {
        let requests = self.audit.filter { !$0.requestID.isEmpty && $0.cause == "REQUESTED" }
        var found = Dictionary(grouping: requests) { "\($0.action) \($0.requestID)" }.filter { $0.value.count > 1 }.keys.sorted()
            .map { "\($0) stands in the audit log more than once" }
        // A create of each, and a delete of those who do not leave that to their policies.
        let wanted = self.scenario.customers.reduce(0) { $0 + ($1.policies == nil ? 2 : 1) }
        if requests.count < wanted { found.append("\(requests.count) audited requests, of at least \(wanted)") }
        let endings = self.audit.filter(\.endsAutomatically)
        let owed = self.words(after: "releasing ")
        for machine in Set(owed).sorted() where !endings.contains(where: { $0.upstreamID?.rawValue == machine }) {
            found.append("machine \(machine) was deleted without an entry in the audit log")
        }
        let limit = self.scenario.settings.brake.maxPerMinute
        for (first, last) in zip(endings, endings.dropFirst(limit)) where last.at - first.at < Brake.minute {
            found.append("more than \(limit) automatic endings in a minute")
        }
        return found
    }

    /// An instance ends only once the provider has nothing of it.
    private func outlivesItsRecord(_ machine: LedgerEntry) -> Bool {
        guard let token = OwnershipToken(machine.name), let instance = self.latestInstances[token.instance], instance.state.isFinal,
            let released = machine.released
        else { return false }
        // A machine that was replaced, or was to replace one, is owed by itself.
        if self.audit.contains(where: { $0.action == "MachineGone" && $0.upstreamID?.rawValue == machine.id }) { return false }
        return released.microseconds > (instance.deletedAt ?? instance.updatedAt).microseconds
    }

    /// No token is ever used for two create calls.
    private var tokenViolations: [String] {
        Dictionary(grouping: self.words(after: "create called ")) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
            .map { "token \($0) was used twice" }
    }

    private var latestInstances: [InstanceID: Instance] {
        var latest: [InstanceID: Instance] = [:]
        for case .instance(let instance) in self.events.map(\.object) { latest[instance.id] = instance }
        return latest
    }

    /// At no revision do the machines that may exist, debts aside, exceed the ceiling.
    private var ceilingViolations: [String] {
        var living: [InstanceID: Instance] = [:]
        for event in self.events {
            guard case .instance(let instance) = event.object else { continue }
            living[instance.id] = instance.state.isFinal ? nil : instance
            if living.count > self.scenario.settings.ceilings.maxInstances {
                return ["\(living.count) machines at revision \(event.revision.number)"]
            }
        }
        return []
    }

    private var budgetViolations: [String] {
        let limit = self.scenario.settings.upstreamRequestsPerMinute + 12
        let times = self.callTimes
        for (first, last) in zip(times, times.dropFirst(limit)) where self.scenario.crashes == 0 && last - first < .seconds(60) {
            return ["more than \(limit) calls in a minute"]
        }
        return []
    }

    // MARK: The log

    private var logViolations: [String] {
        var found: [String] = []
        var jobs: [JobID: Job] = [:]
        for (position, event) in self.events.enumerated() {
            if event.revision.number != Int64(position + 1) { found.append("revision \(event.revision.number) at place \(position + 1)") }
            guard case .job(let job) = event.object else { continue }
            if let before = jobs[job.id], before.state.isFinal { found.append("ended job \(job.id) changed at \(event.revision.number)") }
            jobs[job.id] = job
        }
        for job in jobs.values.sorted(by: { $0.id < $1.id }) where !job.state.isFinal {
            found.append("job \(job.id) never ended: \(job.step)")
        }
        return found
    }

    /// The watcher read every event once and in order, through all crashes.
    private var watchViolations: [String] {
        self.watched == self.events ? [] : ["the watcher saw \(self.watched.count) events of \(self.events.count), or others"]
    }

    // MARK: The customers

    private var customerViolations: [String] {
        var found: [String] = []
        for (number, plan) in self.scenario.customers.enumerated() {
            guard let outcome = self.outcomes[number] else {
                found.append("customer \(number) never finished")
                continue
            }
            let state = outcome.createJob?.state
            // A policy does not wait for ever for a machine that comes up slowly.
            let mayEnd = plan.impatience != nil || plan.policies != nil
            // A spot machine may be taken back before it was seen running.
            let wasTaken = plan.recovery != nil && outcome.createJob?.errorReason == "STOPPED_EARLY"
            let isFine = state == .succeeded || (mayEnd && state == .cancelled) || wasTaken
            if !isFine {
                found.append("customer \(number): create ended \(String(describing: state)) \(outcome.createJob?.errorMessage ?? "")")
            }
            found += outcome.problems.map { "customer \(number): \($0)" }
            if self.latestInstances[outcome.instanceID]?.state != .deleted { found.append("customer \(number): not deleted") }
        }
        return found
    }
}
