import Fleet
import Synchronization

/// A program that uses the service the way it should be used: with request ids, repeating what stays unanswered.
struct Customer: Sendable {
    struct Plan: Sendable {
        /// Deletes after that time without waiting for the create; nil: the whole journey.
        var impatience: Duration?
        var stopsAndStarts = false
        var restarts = false
        /// Has another machine made in the place of its own.
        var replaces = false
        /// An impatient one cancels the create's job instead of deleting the instance.
        var cancels = false
        /// Leaves the machine to its policies instead of deleting it.
        var policies: InstancePolicies?
        /// Says so often before that that it is in use.
        var signs = 0
        var ports: [PortSpec] = []
        /// Takes a machine that may be taken back, and does so much for it; nil: one on demand.
        var recovery: SpotRecovery?
        /// Waits for capacity when there is none.
        var waitsForCapacity = false
        /// Keeps it for so long.
        var stay: Duration = .zero
    }

    /// What became of the order.
    struct Outcome: Sendable {
        var instanceID: InstanceID
        var createJob: Job?
        var problems: [String] = []
        /// When it has said that the machine is in use, and was heard.
        var signs: [Timestamp] = []
    }

    /// Longest that any job may take before the customer calls it stuck.
    static let patience: Duration = .seconds(4 * 3600)
    /// Longer than any drought.
    static let capacityPatience: Duration = .seconds(3 * 3600)

    let number: Int
    let plan: Plan
    let universe: Universe

    func run() async -> Outcome {
        let create = await self.persist("create") { server throws(FleetError) in
            let planner = Planner(
                catalogue: self.universe.provider.catalogue(at: self.universe.clock.now), cooldowns: Cooldowns(), defaultRegion: nil)
            return try await server.mutations.create(
                self.order, planner: planner, request: self.key("create"), payloadDigest: [UInt8(self.number)])
        }
        guard let reply = create else { return Outcome(instanceID: InstanceID(rawValue: ""), problems: ["its create was refused"]) }
        var outcome = Outcome(instanceID: reply.instance.id)
        if let impatience = self.plan.impatience {
            await self.universe.clock.sleep(until: self.universe.clock.now + impatience)
            if self.plan.cancels { await self.cancel(reply.job) }
        } else {
            let created = await self.end(of: reply.job)
            outcome.createJob = created
            if created.state == .succeeded { await self.use(reply.instance.id, &outcome) }
            await self.universe.clock.sleep(until: self.universe.clock.now + self.plan.stay)
        }
        if self.plan.policies != nil {
            await self.touch(reply.instance.id, &outcome)
            await self.awaitPolicies(reply.instance.id, &outcome)
        } else {
            await self.change(.delete, reply.instance.id, "delete", &outcome)
        }
        outcome.createJob = await self.end(of: reply.job)
        return outcome
    }

    private var order: Admission.NewInstance {
        var spec = InstanceSpec(products: ["RTX 4090 24GB"], image: "registry.example/worker:\(self.number)", ports: self.plan.ports)
        var policies = self.plan.policies ?? InstancePolicies()
        // A server takes no time that has passed, and a create may have had to wait for its turn.
        let soonest = self.universe.clock.now + .seconds(60)
        policies.stopAt = policies.stopAt.map { max($0, soonest) }
        policies.deleteAt = policies.deleteAt.map { max($0, soonest) }
        policies.startAt = policies.startAt.map { max($0, soonest) }
        if self.plan.waitsForCapacity { spec.waitForCapacityUntil = self.universe.clock.now + Self.capacityPatience }
        if let recovery = self.plan.recovery {
            spec.billingMode = .spot
            policies.spotRecovery = recovery
        }
        return Admission.NewInstance(tenant: .default, name: "customer-\(self.number)", spec: spec, policies: policies)
    }

    private func use(_ id: InstanceID, _ outcome: inout Outcome) async {
        if self.plan.stopsAndStarts {
            await self.change(.stop, id, "stop", &outcome)
            await self.change(.start, id, "start", &outcome)
        }
        if self.plan.restarts { await self.change(.restart, id, "restart", &outcome) }
        if self.plan.replaces { await self.replace(id) }
    }

    private func touch(_ id: InstanceID, _ outcome: inout Outcome) async {
        for _ in 0..<self.plan.signs {
            await self.universe.clock.sleep(until: self.universe.clock.now + self.universe.dice.seconds(5...150))
            guard let server = self.universe.server, server.isServing else { continue }
            let now = self.universe.clock.now
            // What is not answered need not have been heard.
            do throws(FleetError) { try await server.mutations.touch(id, at: now) } catch { continue }
            outcome.signs.append(now)
        }
    }

    /// All of them end in a delete.
    private func awaitPolicies(_ id: InstanceID, _ outcome: inout Outcome) async {
        let deadline = self.universe.clock.now + Self.patience
        while self.universe.clock.now < deadline {
            if let server = self.universe.server, server.isServing {
                var instance = server.view.instance(id)
                if instance == nil { instance = try? await server.store.instance(id) }
                if instance?.state.isFinal == true { return }
            }
            await self.universe.clock.sleep(until: self.universe.clock.now + .seconds(10))
        }
        outcome.problems.append("its policies did not delete it")
    }

    private func change(_ change: Admission.Change, _ id: InstanceID, _ word: String, _ outcome: inout Outcome) async {
        let reply = await self.persist(word) { server throws(FleetError) in
            try await server.mutations.change(change, of: id, request: self.key(word), payloadDigest: [0])
        }
        guard let reply else { return }
        let job = await self.end(of: reply.job)
        // Nobody knows whether it was done: the customer is told.
        if change == .restart, job.errorMessage.contains("may have been restarted") { return }
        // A policy may have ended the machine meanwhile.
        if job.state != .succeeded, self.plan.policies == nil || job.state != .cancelled {
            outcome.problems.append("\(word) ended \(job.state): \(job.errorMessage)")
        }
    }

    private func replace(_ id: InstanceID) async {
        let reply = await self.persist("replace") { server throws(FleetError) in
            try await server.mutations.migrate(.replace, id, request: self.key("replace"), payloadDigest: [0], actor: "customer")
        }
        if let reply { _ = await self.end(of: reply.job) }
    }

    /// What it has been told is no longer true.
    private var hasLeft: Bool { self.universe.isPutBack }

    /// It may have ended by then, which is as well.
    private func cancel(_ job: Job) async {
        while !self.hasLeft {
            if let server = self.universe.server, server.isServing {
                do throws(FleetError) {
                    _ = try await server.mutations.cancel(
                        job.id, request: self.key("cancel"), payloadDigest: [0], actor: "customer")
                    return self.universe.trace.add("customer \(self.number) cancelled \(job.id)")
                } catch {
                    self.universe.trace.add("customer \(self.number) cancel -> \(error.code)")
                    if error.code == .invalidState { return }
                }
            }
            await self.universe.clock.sleep(until: self.universe.clock.now + self.universe.dice.milliseconds(200...5000))
        }
    }

    private func key(_ method: String) -> RequestKey {
        RequestKey(tenant: .default, method: method, requestID: "customer \(self.number)")
    }

    /// Repeats until there is an answer, from whichever server is up; nil when a policy has ended the machine before, or the customer has left.
    private func persist(
        _ word: String, _ call: (SimulatedServer) async throws(FleetError) -> Mutations.Reply
    ) async -> Mutations.Reply? {
        while !self.hasLeft {
            if let server = self.universe.server, server.isServing {
                do throws(FleetError) {
                    let reply = try await call(server)
                    self.universe.trace.add("customer \(self.number) \(word) -> \(reply.job.id)\(reply.isRepeat ? " again" : "")")
                    return reply
                } catch {
                    self.universe.trace.add("customer \(self.number) \(word) -> \(error.code)")
                    if error.code == .invalidState, self.plan.policies != nil { return nil }
                }
            }
            await self.universe.clock.sleep(until: self.universe.clock.now + self.universe.dice.milliseconds(200...5000))
        }
        return nil
    }

    /// Waits on whichever server is up.
    private func end(of job: Job) async -> Job {
        let deadline = self.universe.clock.now + Self.patience
        var latest = job
        while !latest.state.isFinal, !self.hasLeft, self.universe.clock.now < deadline {
            guard let server = self.universe.server, server.isServing else {
                await self.universe.clock.sleep(until: self.universe.clock.now + .seconds(1))
                continue
            }
            let waited = try? await server.view.job(
                job.id, endedBefore: self.universe.clock.now + .seconds(60), clock: self.universe.clock)
            if let waited = waited ?? nil {
                latest = waited
            } else if let stored = try? await server.store.job(job.id) {
                latest = stored
            }
        }
        return latest
    }
}
