internal import Fleet

/// Steps about the provider's jobs that save images.
extension StepRunner {
    func saveImage(_ job: Job, _ lease: LeaseToken) async throws(Stop) {
        let applied: Applied
        do throws(Stop) {
            applied = try await self.apply(job, lease) { stepper in
                if case .saveImage(let id) = stepper.plan() { stepper.savingImage(of: id) } else { stepper.returned() }
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
