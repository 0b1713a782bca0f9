internal import Fleet

/// Steps about the provider's jobs: those that save images, and which of them were there before.
extension StepRunner {
    /// The provider's jobs before a call that begins one.
    enum JobsBefore {
        /// Nil: they have been read before, or the call begins none.
        case known([UpstreamJob]?)
        /// The step has been put off.
        case postponed
    }

    /// What is there before the call is not what the call has begun.
    func jobsBefore(_ job: Job, _ lease: LeaseToken, of instance: Instance) async throws(Stop) -> JobsBefore {
        guard let query = self.stepper(job, instance, lease).queryBeforeCall else { return .known(nil) }
        do throws(CloudError) {
            let jobs = try await self.world.cloud.jobs(query, call: self.world.call(.mutation, requestID: job.id.rawValue))
            self.world.upstreamAnswered(nil)
            return .known(jobs)
        } catch {
            self.world.upstreamAnswered(error)
            try await self.postpone(job, lease, error)
            return .postponed
        }
    }

    func saveImage(_ job: Job, _ lease: LeaseToken, of instance: Instance) async throws(Stop) {
        guard case .known(let before) = try await self.jobsBefore(job, lease, of: instance) else { return }
        let applied: Applied
        do throws(Stop) {
            applied = try await self.apply(job, lease) { stepper in
                if case .saveImage(let id) = stepper.plan() { stepper.savingImage(of: id, before: before) } else { stepper.returned() }
            }
        } catch .held(let hold) {
            return try await self.hold(job, lease, hold)
        }
        guard case .saveImage(let id) = applied.call, let save = applied.job.imageSave else { return }
        let call = self.world.call(.mutation, requestID: job.id.rawValue)
        let result: Result<UpstreamJobID, CloudError>
        do throws(CloudError) {
            result = .success(
                try await self.world.cloud.saveImage(
                    of: id, to: save.image, registryCredentialID: save.registryCredentialID, call: call))
            self.world.upstreamAnswered(nil)
        } catch {
            self.world.upstreamAnswered(error)
            result = .failure(error)
        }
        _ = try await self.apply(applied.job, lease) { $0.imageSaveBegun(result) }
    }

    func lookAtImageJobs(_ job: Job, _ lease: LeaseToken, _ query: UpstreamJobQuery) async throws(Stop) {
        let jobs: [UpstreamJob]
        do throws(CloudError) {
            jobs = try await self.world.cloud.jobs(query, call: self.world.call(.transition, requestID: job.id.rawValue))
            self.world.upstreamAnswered(nil)
        } catch {
            self.world.upstreamAnswered(error)
            return try await self.postpone(job, lease, error)
        }
        _ = try await self.apply(job, lease) { stepper in
            if case .imageJobs = stepper.plan() { stepper.imageSaved(jobs) } else { stepper.returned() }
        }
    }
}
