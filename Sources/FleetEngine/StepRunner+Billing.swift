internal import Fleet

/// Steps that change how a machine is paid for.
extension StepRunner {
    func changeBilling(_ job: Job, _ lease: LeaseToken, of id: UpstreamID) async throws(Stop) {
        // When months count as not paid is reckoned from the time of the call, as for a machine.
        if job.step == .send, job.billing?.months != nil, let doubt = self.world.clockDoubt {
            return try await self.hold(job, lease, .clock(doubt))
        }
        let machine: Machine?
        var catalogue: Catalogue?
        do throws(CloudError) {
            machine = try await self.observer.read(id, priority: .transition, requestID: job.id.rawValue)
            if job.step == .send, job.billing?.months != nil {
                catalogue = try await self.world.cloud.catalogue(call: self.world.call(.transition, requestID: job.id.rawValue))
            }
        } catch {
            return try await self.postpone(job, lease, error)
        }
        guard job.step == .send else {
            _ = try await self.apply(job, lease) { stepper in
                if case .billing = stepper.plan() { stepper.termsSeen(machine) } else { stepper.returned() }
            }
            return
        }
        let offers = catalogue
        let applied: Applied
        do throws(Stop) {
            applied = try await self.apply(job, lease) { stepper in
                guard case .billing = stepper.plan() else { return stepper.returned() }
                return stepper.orderingTerms(machine, price: offers.flatMap { stepper.monthsPrice(by: $0) })
            }
        } catch .held(let hold) {
            return try await self.hold(job, lease, hold)
        }
        guard case .billing(let terms, let id) = applied.call else { return }
        let error = await self.order(terms, of: id, for: applied.job)
        _ = try await self.apply(applied.job, lease) { $0.termsOrdered(error) }
    }

    private func order(_ terms: MachineTerms, of id: UpstreamID, for job: Job) async -> CloudError? {
        do throws(CloudError) {
            try await self.world.cloud.change(terms, of: id, call: self.world.call(terms.priority, requestID: job.id.rawValue))
            self.world.upstreamAnswered(nil)
            return nil
        } catch {
            self.world.upstreamAnswered(error)
            return error
        }
    }
}

extension MachineTerms {
    /// A renewal that is not called off in time costs a month.
    fileprivate var priority: CallPriority {
        if case .automaticRenewal(months: nil) = self { .release } else { .mutation }
    }
}
