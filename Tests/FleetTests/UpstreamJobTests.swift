import Testing

@testable import Fleet

@Suite("Jobs of the provider's own")
struct UpstreamJobTests {
    private static let stopped = Instance.sample(.stopped, status: "exited")

    @Test("A move whose end cannot be read is no longer followed after a time; an outage that passes counts for nothing")
    func blind() throws {
        let away = CloudError(.unavailable, "bad gateway")
        var job = Job.sample(.migrateInstance, .confirm)
        job.migration = .move
        job.firstSentAt = noon
        var now = noon
        for _ in 0..<100 where !job.state.isFinal {
            now = now + .seconds(10)
            let result = JobStepper.sample(job, Self.stopped, at: now).postponed(away)
            job = result.job ?? job
        }
        #expect(job.state == .failed && now - noon == StepLimits.blindnessMax + .seconds(10))
        #expect(job.errorMessage.contains("could not be read for 15 min") && job.errorMessage.contains("bad gateway"))
        job = Job.sample(.migrateInstance, .confirm)
        (job.migration, job.firstSentAt, job.blindSince) = (.move, noon, noon)
        let seen = JobStepper.sample(job, Self.stopped, at: noon + .seconds(800)).migrated(
            .sample("m1", "migrating"), jobs: [])
        #expect(seen.job?.blindSince == nil && seen.job?.state == .waiting)
        var start = Job.sample(.startInstance, .confirm)
        start.blindSince = noon
        let other = JobStepper.sample(start, Self.stopped, at: noon + .seconds(90_000)).postponed(away)
        #expect(other.job?.state == .waiting, "a start follows the machine, which is all there is")
    }

    @Test("What was there before the call is not what the call has begun", arguments: [JobType.migrateInstance, .saveImage])
    func before(_ type: JobType) throws {
        var (job, instance) = (Job.sample(type, .send), Self.stopped)
        if type == .saveImage { job.imageSave = ImageSave(image: "registry.example/saved:1") } else { job.migration = .move }
        func upstreamJob(_ id: String, _ status: String, on machine: String = "m1") -> UpstreamJob {
            UpstreamJob(
                id: UpstreamJobID(rawValue: id), kind: type == .saveImage ? .saveImage : .migration,
                machineID: UpstreamID(rawValue: machine),
                status: status, createdAt: noon - .seconds(20))
        }
        let stepper = JobStepper.sample(job, instance)
        #expect(stepper.queryBeforeCall?.kind == (type == .saveImage ? .saveImage : .migration))
        let earlier = [upstreamJob("jb-1", "success"), upstreamJob("jb-9", "running", on: "m9")]
        let id = try #require(instance.upstream?.id)
        let sent = type == .saveImage ? stepper.savingImage(of: id, before: earlier) : stepper.sending(.migrate, to: id, before: earlier)
        job = try #require(sent.job)
        instance = sent.instance ?? instance
        #expect(job.upstreamJobsBefore?.map(\.rawValue) == ["jb-1"] && JobStepper.sample(job, instance).queryBeforeCall == nil)
        func look(_ jobs: [UpstreamJob]) -> StepResult {
            let later = JobStepper.sample(job, instance, at: noon + .seconds(30))
            return type == .saveImage ? later.imageSaved(jobs) : later.migrated(.sample("m1", "exited"), jobs: jobs)
        }
        let mistaken = look(earlier).job
        #expect(mistaken?.state == .waiting && mistaken?.migration != .start && mistaken?.imageSave?.upstreamJobID == nil)
        let own = look(earlier + [upstreamJob("jb-2", "success")]).job
        #expect(type == .saveImage ? own?.state == .succeeded : own?.migration == .start)
    }
}
