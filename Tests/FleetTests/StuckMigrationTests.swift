import Testing

@testable import Fleet

@Suite("Machines that hang while they are moved")
struct StuckMigrationTests {
    private static let began = noon - .seconds(3600)

    private static var stuck: Instance {
        var instance = Instance.sample(.migrating, status: "migrating")
        instance.askedPlacements = [AskedPlacement(attempt: 3, placement: .standard)]
        return instance
    }

    private static func move(
        _ status: String, at time: Timestamp? = began, kind: UpstreamJob.Kind? = .migration, machine: String = "m1", id: String = "u1"
    ) -> UpstreamJob {
        UpstreamJob(
            id: UpstreamJobID(rawValue: id), kind: kind, machineID: UpstreamID(rawValue: machine), status: status, error: "no node",
            createdAt: time)
    }

    private func recovery(
        _ jobs: [UpstreamJob], of instance: Instance = stuck, shown: Machine = .sample("m1", "migrating"), own: [Job] = [],
        watchedSince: Timestamp = began, standard: SpotRecovery? = .migrate, at now: Timestamp = noon
    ) -> Commit? {
        Admission(settings: FleetSettings(spotRecovery: standard)).recovery(
            ofStuck: Admission.Subject(instance: instance, jobs: own), shown: shown, jobs: jobs, watchedSince: watchedSince,
            jobID: JobID(rawValue: "j-2"), at: now)
    }

    @Test("Only the provider's word that the newest move has failed, or was called off, is evidence")
    func evidence() {
        let later = Self.began + .seconds(60)
        let cases: [(String, [UpstreamJob], Bool)] = [
            ("no job", [], false),
            ("failed", [Self.move("fail")], true),
            ("failed, begun by the provider", [Self.move("fail", kind: .automaticMigration)], true),
            ("called off", [Self.move("break")], true),
            ("under way", [Self.move("running")], false),
            ("has succeeded", [Self.move("success")], false),
            ("a word that is not known", [Self.move("paused")], false),
            ("of another machine", [Self.move("fail", machine: "m2")], false),
            ("an image that was not saved", [Self.move("fail", kind: .saveImage)], false),
            ("a kind that is not known", [Self.move("fail", kind: nil)], false),
            ("a time that is not known", [Self.move("fail", at: nil)], false),
            ("a newer one under way", [Self.move("running", at: later, id: "u2"), Self.move("fail")], false),
            ("another of the same second", [Self.move("running", id: "u2"), Self.move("fail")], false),
            ("one of an unknown time", [Self.move("pending", at: nil, id: "u2"), Self.move("fail")], false),
            ("a newer one of a kind that is not known", [Self.move("running", at: later, kind: nil, id: "u2"), Self.move("fail")], false),
            ("an older one that succeeded", [Self.move("fail", at: later, id: "u2"), Self.move("success")], true),
        ]
        for (name, jobs, isEvidence) in cases { #expect((self.recovery(jobs) != nil) == isEvidence, "\(name)") }
    }

    @Test("Only what somebody wants to run, may be replaced and still hangs is recovered, and only so often")
    func conditions() {
        func changed(_ change: (inout Instance) -> Void) -> Instance {
            var instance = Self.stuck
            change(&instance)
            return instance
        }
        let failed = [Self.move("fail")]
        let kept: [(String, Instance)] = [
            ("stopped by its user", changed { $0.desiredState = .stopped }),
            ("deleted", changed { $0.desiredState = .deleted }),
            ("protected", changed { $0.deletionProtection = true }),
            ("paid for", changed { $0.billing = BillingFacts(paidUntil: noon + .seconds(1)) }),
            ("found at the provider", changed { $0.askedPlacements = nil }),
            ("nothing is to be done for it", changed { $0.policies = InstancePolicies(spotRecovery: SpotRecovery.none) }),
            ("another one is being made", changed { $0.replacement = Replacement(fromAttempt: 4) }),
            ("recovered a moment ago", changed { $0.recoveries = [noon - .seconds(10)] }),
            ("recovered often enough", changed { $0.recoveries = RecoveryBudget.spent(at: noon - .seconds(40_000)) }),
            ("not seen moving", changed { $0.upstream?.status = "exited" }),
            ("seen only now", changed { $0.upstream?.observedAt = noon - StuckMigration.patience + .seconds(1) }),
        ]
        #expect(self.recovery(failed) != nil)
        for (name, instance) in kept { #expect(self.recovery(failed, of: instance) == nil, "\(name)") }
        let ahead = changed { $0.recoveries = [noon + .seconds(86_400)] }
        #expect(self.recovery(failed, of: ahead) != nil, "a clock that was ahead has entered that")
        #expect(self.recovery(failed, own: [.sample(.startInstance, .confirm)]) == nil, "a job of ours sees to it")
        #expect(self.recovery(failed, standard: nil) == nil, "MIGRATION_ENABLED=false")
        #expect(self.recovery(failed, watchedSince: noon - .seconds(10)) == nil, "the server has just begun")
        for status in ["running", "exited", "removing", "something"] {
            #expect(self.recovery(failed, shown: .sample("m1", status)) == nil, "given back: \(status)")
        }
        #expect(self.recovery(failed, shown: .sample("m2", "migrating")) == nil, "another machine")
        for way in [SpotRecovery.start, .migrate, .replace] {
            #expect(self.recovery(failed, of: changed { $0.policies = InstancePolicies(spotRecovery: way) }) != nil)
        }
    }

    @Test("Another machine is made under new tokens and the ceilings, counted as one attempt, and said in the audit log")
    func commit() throws {
        let commit = try #require(self.recovery([Self.move("fail")]))
        let (instance, job) = (try #require(commit.instances.first), try #require(commit.jobs.first?.job))
        #expect(job.isReplacing && job.step == .place && job.createCalls == 3 && job.cause == .migrationFailed)
        #expect(job.attempts.map(\.error) == ["the provider's job u1 failed: no node"])
        #expect(instance.replacement?.fromAttempt == 4 && instance.recoveries == [noon] && instance.liableMachines == 2)
        #expect(instance.upstream?.id.rawValue == "m1" && instance.state == .migrating && instance.jobID == job.id)
        #expect(commit.guards.contains(.permitted(.begin)) && commit.guards.contains(.ceilings(FleetSettings().ceilings)))
        #expect(commit.guards.contains(.instance(instance.id, Self.stuck.revision)))
        let entry = try #require(commit.audit.first)
        #expect(entry.action == "RecoverMachine" && entry.cause == "MIGRATION_FAILED" && entry.upstreamID?.rawValue == "m1")
    }

    @Test("Who calls the recovery off has it no more that day")
    func calledOff() {
        #expect(JobCause.allCases.filter(\.isRecovery) == [.spotReclaim, .migrationFailed])
        #expect(JobCause.migrationFailed.word == "MIGRATION_FAILED" && !JobCause.migrationFailed.isPolicy)
    }
}
