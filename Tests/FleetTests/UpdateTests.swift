import Testing

@testable import Fleet

@Suite("Updates")
struct UpdateTests {
    private let admission = Admission(settings: FleetSettings())

    private func occasion(_ word: String = "u") -> Admission.Occasion {
        Admission.Occasion(
            now: noon, instanceID: InstanceID(rawValue: "i-new"), jobID: JobID(rawValue: "j-u"),
            request: RequestKey(tenant: .default, method: "UpdateInstance", requestID: word), payloadDigest: [1], actor: "ann")
    }

    private func admit(
        _ instance: Instance = .sample(), jobs: [Job] = [], _ change: (inout InstanceUpdate) -> Void
    ) throws(FleetError) -> Admission.Admitted {
        var update = InstanceUpdate()
        change(&update)
        return try self.admission.update(update, Admission.Subject(instance: instance, jobs: jobs), on: self.occasion())
    }

    private func refusal(_ instance: Instance = .sample(), jobs: [Job] = [], _ change: (inout InstanceUpdate) -> Void) -> FleetError? {
        do throws(FleetError) {
            _ = try self.admit(instance, jobs: jobs, change)
            return nil
        } catch {
            return error
        }
    }

    @Test("Name, labels and protection change at once; the name must be free, and the provider is not asked")
    func local() throws {
        let admitted = try self.admit {
            $0.name = "another"
            $0.labels = ["a": "b"]
            $0.deletionProtection = true
        }
        #expect(admitted.job.type == .updateInstance && admitted.job.state == .succeeded)
        #expect(admitted.instance.name == "another" && admitted.instance.labels == ["a": "b"] && admitted.instance.deletionProtection)
        #expect(admitted.commit.guards.contains(.nameIsFree(.default, "another")) && admitted.commit.audit.map(\.actor) == ["ann"])
        // Also while something else is under way.
        #expect(try self.admit(jobs: [.sample(.stopInstance, .confirm)]) { $0.labels = [:] }.job.state == .succeeded)
    }

    @Test("Ports and disk are an edit, what a container is started with is a new one, both are two calls in this order")
    func parts() throws {
        let ports = [PortSpec(port: 80, protocol: .http)]
        #expect(try self.admit { $0.ports = ports }.job.update?.parts == [.edit])
        #expect(try self.admit { $0.diskGB = 100 }.job.update?.parts == [.edit])
        #expect(try self.admit { $0.image = "other:1" }.job.update?.parts == [.upgrade])
        let environment = InstanceEnvironment(["KEY": "value"])
        let both = try self.admit {
            $0.ports = ports
            $0.environment = environment
        }
        #expect(both.job.update?.parts == [.edit, .upgrade] && both.job.update?.before == .small && both.job.state == .ready)
        #expect(both.instance.spec.ports == ports && both.instance.spec.environmentNames == ["KEY"])
        #expect(both.commit.environments == [.waiting(for: both.job.id): environment], "until the machine has it")
        #expect(try self.admit { $0.image = InstanceSpec.small.image }.job.state == .succeeded, "nothing changes")
    }

    @Test("What cannot be done is refused by its field or its state")
    func refused() {
        #expect(self.refusal { $0.diskGB = 59 }?.violations.map(\.field) == ["disk_gb"])
        #expect(self.refusal { $0.name = "" }?.violations.map(\.field) == ["name"])
        #expect(self.refusal { $0.ports = [PortSpec(port: 2222, protocol: .tcp)] }?.violations.map(\.field) == ["ports[0].port"])
        #expect(self.refusal { $0.image = "" }?.violations.map(\.field) == ["image"])
        var deleted = Instance.sample(.deleting)
        deleted.desiredState = .deleted
        #expect(self.refusal(deleted) { $0.labels = [:] }?.code == .invalidState)
        #expect(self.refusal(.sample(.stopped, status: "exited")) { $0.image = "other:1" }?.code == .invalidState)
        #expect(self.refusal(.sample(.stopped, status: "exited")) { $0.diskGB = 100 } == nil)
        #expect(self.refusal(jobs: [.sample(.restartInstance, .confirm)]) { $0.diskGB = 100 }?.code == .invalidState)
        var found = Instance.sample()
        found.spec.image = ""
        #expect(self.refusal(found) { $0.name = "mine" } == nil, "a record that was found has gaps of its own")
    }

    private func job(_ parts: [MachineUpdate.Part], _ step: JobStep, acknowledged: Bool = true) -> (Job, Instance) {
        var instance = Instance.sample()
        var job = Job.sample(.updateInstance, step)
        job.update = MachineUpdate(parts: parts, before: instance.spec)
        job.firstSentAt = step == .send ? nil : noon - .seconds(10)
        job.callsTaken = step == .send ? 0 : 1
        job.acknowledgedAt = acknowledged && step == .confirm ? noon - .seconds(10) : nil
        instance.spec.diskGB = 100
        instance.spec.image = "other:1"
        return (job, instance)
    }

    private func seen(_ status: String = "running", disk: Int?) -> Machine {
        var machine = Machine.sample("m1", status)
        machine.diskGB = disk
        return machine
    }

    @Test("A disk that has grown is not made to grow again, however the call ended; one that has not is asked for what is missing")
    func disk() throws {
        let (job, instance) = self.job([.edit], .confirm, acknowledged: false)
        let grown = JobStepper.sample(job, instance).confirmed(self.seen(disk: 100))
        #expect(grown.job?.state == .succeeded)
        let short = JobStepper.sample(job, instance).confirmed(self.seen(disk: 80))
        let again = try #require(short.job)
        #expect(again.step == .send && JobStepper.sample(again, instance).diskGrowthGB == 20)
        #expect(JobStepper.sample(again, instance).sending(.edit, to: UpstreamID(rawValue: "m1")).instance?.state == .updating)
    }

    @Test("A disk that may be growing is not asked to grow again: it is looked at until it has, or the time is over")
    func growsOnce() throws {
        let (job, instance) = self.job([.edit], .send)
        var sent = try #require(JobStepper.sample(job, instance).sending(.edit, to: UpstreamID(rawValue: "m1")).job)
        #expect(sent.update?.mayHaveGrown == true)
        for error in [CloudError(.transport, "no answer", mayHaveTakenEffect: true), nil] {
            let looking = try #require(JobStepper.sample(sent, instance).sent(error).job)
            #expect(JobStepper.sample(looking, instance).confirmed(self.seen(disk: 60)).job?.step == .confirm)
        }
        sent = try #require(JobStepper.sample(sent, instance).sent(CloudError(.rateLimited, "later")).job)
        #expect(sent.update?.mayHaveGrown == nil)
        #expect(JobStepper.sample(sent, instance).confirmed(self.seen(disk: 60)).job?.step == .send)
    }

    @Test("A stop that came meanwhile cuts an update short before it is asked for again, and the spec is what the machine has")
    func cutShort() throws {
        var (job, instance) = self.job([.upgrade], .send)
        (job.firstSentAt, job.callsTaken, job.attemptCount) = (noon - .seconds(10), 1, 1)
        instance.desiredState = .stopped
        instance.jobID = JobID(rawValue: "j-stop")
        guard case .decided(let result) = JobStepper.sample(job, instance).plan() else { return unexpected("it is asked again") }
        #expect(result.job?.errorReason == "SUPERSEDED" && result.instance?.spec.image == InstanceSpec.small.image)
    }

    @Test("A change of what only we hold is no wish that a job at work gives way to")
    func labelsMeanwhile() throws {
        let (job, instance) = self.job([.edit], .confirm)
        var update = InstanceUpdate()
        update.labels = ["a": "b"]
        let occasion = Admission.Occasion(
            now: noon, instanceID: instance.id, jobID: JobID(rawValue: "j-labels"),
            request: RequestKey(tenant: .default, method: "UpdateInstance", requestID: "r"), payloadDigest: [1])
        let admission = Admission(settings: FleetSettings())
        let busy = try admission.update(update, Admission.Subject(instance: instance, jobs: [job]), on: occasion)
        #expect(busy.instance.jobID == job.id && busy.job.id.rawValue == "j-labels" && busy.instance.labels == ["a": "b"])
        let idle = try admission.update(update, Admission.Subject(instance: instance, jobs: []), on: occasion)
        #expect(idle.instance.jobID?.rawValue == "j-labels")
    }

    @Test("After the first part the second is asked for; a new container has arrived when the machine runs after the call was taken")
    func sequence() throws {
        let (job, instance) = self.job([.edit, .upgrade], .confirm)
        let next = try #require(JobStepper.sample(job, instance).confirmed(self.seen(disk: 100)).job)
        #expect(next.step == .send && next.update?.parts == [.upgrade] && next.update?.before.diskGB == 100)
        guard case .act(.upgrade, _) = JobStepper.sample(next, instance).plan() else { return unexpected(next.step) }
        #expect(!next.isUncalled, "a part of it has been asked for")
        let (upgrade, after) = self.job([.upgrade], .confirm)
        #expect(JobStepper.sample(upgrade, after).confirmed(self.seen("resetting", disk: 100)).job?.state == .waiting)
        #expect(JobStepper.sample(upgrade, after).confirmed(self.seen(disk: 100)).job?.state == .succeeded)
    }

    @Test("An update that the provider refuses leaves the spec as the machine is")
    func failed() throws {
        let (job, instance) = self.job([.upgrade], .confirm, acknowledged: false)
        let result = JobStepper.sample(job, instance).sent(CloudError(.invalidRequest, "no such image"))
        #expect(result.job?.state == .failed && result.instance?.spec == .small && result.instance?.state == .running)
    }

    @Test("A container is not made anew twice: a call whose answer was lost is known by its mark, and repeated only when it left none")
    func resetsOnce() throws {
        let (job, instance) = self.job([.upgrade], .send)
        let sent = try #require(JobStepper.sample(job, instance).sending(.upgrade, to: UpstreamID(rawValue: "m1")).job)
        let lost = CloudError(.transport, "no answer", mayHaveTakenEffect: true)
        let looking = try #require(JobStepper.sample(sent, instance).sent(lost).job)
        func look(_ mark: String?, at now: Timestamp) -> Job? {
            var machine = self.seen(disk: 100)
            machine.updateMark = mark
            return JobStepper.sample(looking, instance, at: now).confirmed(machine).job
        }
        #expect(look(nil, at: noon + .seconds(1000))?.step == .confirm, "nobody knows")
        #expect(look("", at: noon + .seconds(100))?.step == .confirm, "it may show later")
        #expect(look("", at: noon + .seconds(200))?.step == .send)
        #expect(look(looking.id.rawValue, at: noon + .seconds(10))?.state == .succeeded)
        #expect(look(nil, at: noon + .seconds(1300))?.state == .failed)
    }

    @Test("A new container that was accepted has arrived when it shows its mark, not while the one before still runs")
    func arrives() throws {
        let (job, instance) = self.job([.upgrade], .confirm)
        var machine = self.seen(disk: 100)
        machine.updateMark = "j-before"
        #expect(JobStepper.sample(job, instance).confirmed(machine).job?.state == .waiting)
        machine.updateMark = job.id.rawValue
        #expect(JobStepper.sample(job, instance).confirmed(machine).job?.state == .succeeded)
    }

    @Test("The environment becomes the instance's own once the machine has it")
    func environment() throws {
        var (job, instance) = self.job([.upgrade], .confirm)
        job.update?.bringsEnvironment = true
        let arrived = JobStepper.sample(job, instance).confirmed(self.seen(disk: 100))
        #expect(arrived.commit.arrivedEnvironments == [instance.id: job.id] && arrived.job?.update?.bringsEnvironment == nil)
        let refused = JobStepper.sample(job, instance).sent(CloudError(.invalidRequest, "no"))
        #expect(refused.commit.arrivedEnvironments.isEmpty && refused.job?.update?.bringsEnvironment == true)
        instance.desiredState = .stopped
        instance.jobID = JobID(rawValue: "j-stop")
        job.acknowledgedAt = nil
        let overtaken = JobStepper.sample(job, instance).confirmed(self.seen(disk: 100))
        #expect(overtaken.job?.state == .cancelled && overtaken.instance?.spec == MachineUpdate.sampleKept)
        job.step = .send
        guard case .decided(let cut) = JobStepper.sample(job, instance).plan() else { return unexpected(job.step) }
        #expect(cut.job?.state == .cancelled, "a stop waits for it")
    }

    @Test("A stop takes the place of an update that was never sent, and the spec is as it was")
    func superseded() throws {
        let (job, instance) = self.job([.upgrade], .send)
        let admitted = try self.admission.change(.stop, Admission.Subject(instance: instance, jobs: [job]), on: self.occasion("s"))
        #expect(admitted.instance.spec == .small && admitted.commit.jobs.first?.job.state == .cancelled)
    }
}

extension MachineUpdate {
    /// Of the small one, whose disk was seen grown.
    fileprivate static var sampleKept: InstanceSpec {
        var spec = InstanceSpec.small
        spec.diskGB = 100
        return spec
    }
}
