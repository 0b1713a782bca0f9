/// The way of a change of billing. Months are money at once: they are asked for once, and what has come of a call without an answer is read
/// off the machine. What costs nothing is asked for until it is taken.
///
///     send ─(the machine read, written down, then called)→ confirm → end
extension JobStepper {
    private var isPaid: Bool { self.job.billing?.months != nil }

    /// Another change has been asked for since, and waits behind this one.
    private var isWaitedFor: Bool { self.instance.jobID != self.job.id }

    func planBilling() -> StepPlan {
        guard let upstream = self.instance.upstream else { return .decided(self.billingFailed(.vanished, "the instance has no machine")) }
        // Nothing is under way, and somebody wants something else of the machine.
        if self.job.step == .send, self.isWaitedFor { return .decided(self.cutShort()) }
        if self.job.step == .send, self.isOverdue { return .decided(self.billingFailed(.providerError, "not done in time")) }
        return .billing(upstream.id)
    }

    package func monthsPrice(by catalogue: Catalogue) -> MicroUSD? {
        guard let months = self.job.billing?.months, let product = self.instance.placement?.productID else { return nil }
        return catalogue.price(ofMonths: months, product: product, gpuCount: self.instance.spec.gpuCount)
    }

    /// Writes down that the call may be under way; it is made after that.
    ///
    /// - Parameters:
    ///   - machine: as it was just read.
    ///   - price: of the months, by the catalogue.
    package func orderingTerms(_ machine: Machine?, price: MicroUSD?) -> StepResult {
        guard let machine, machine.phase != .gone else {
            return self.billingFailed(.providerError, "the provider does not show the machine")
        }
        if let months = self.job.billing?.months {
            guard machine.billingMode != .spot else { return self.billingFailed(.refused, "a spot machine is not paid by the month") }
            guard let price, price <= self.job.billing?.maxPrice ?? .zero else {
                let text = price.map { "\(months) months may cost \($0) by now" } ?? "it is not sold by the month by now"
                return self.billingFailed(.refused, text)
            }
        }
        var job = self.job
        job.billing?.before = BillingFacts(paidUntil: machine.paidUntil)
        guard let terms = job.billing?.terms else { return self.billingFailed(.refused, "nothing is asked for") }
        job.step = .confirm
        job.state = .running
        job.dueAt = self.now
        job.noteCall(at: self.now)
        job.absences = 0
        job.progress = "asking the provider for other terms"
        var result = self.result(job, self.instance, call: .billing(terms, machine.id))
        result.commit.guards += [.permitted(self.isPaid ? .begin : .obey), .queueIsOpen(self.job.type)]
        return result
    }

    /// What the call brought; nil: accepted. Called with the job as it was written down before the call.
    package func termsOrdered(_ error: CloudError?) -> StepResult {
        var job = self.job
        guard let error else {
            job.acknowledgedAt = self.now
            guard self.isPaid else { return self.billingDone(job, self.instance) }
            job.proceed(to: .confirm, at: self.now, progress: "accepted by the provider")
            return self.result(job, self.instance)
        }
        job.record(error.description, at: self.now)
        if self.isPaid, error.mayHaveTakenEffect {
            job.proceed(to: .confirm, at: self.nextLook, progress: "the call did not go through; looking how the machine is paid for")
            return self.result(job, self.instance)
        }
        switch error.code {
        case .rateLimited, .unavailable, .transport, .malformedReply, .notAttempted, .invalidState:
            // Nothing was bought by it, or asking twice is as good as once.
            let delay = max(error.retryAfter ?? .zero, StepLimits.retryDelay(after: job.attemptCount))
            job.firstSentAt = nil
            if !error.mayHaveTakenEffect { job.withdrawCall() }
            job.proceed(to: .send, at: self.now + delay, progress: "the provider did not take the call; trying again")
            return self.result(job, self.instance)
        case .notFound, .capacity, .unauthorized, .money, .invalidRequest: return self.billingFailed(.refused, error.message, job)
        }
    }

    /// How the machine is paid for after the call. The months are never asked for a second time: who wants them still asks anew.
    package func termsSeen(_ machine: Machine?) -> StepResult {
        var (job, instance) = (self.job, self.instance)
        // A call that a crash may have cut off, and that costs nothing.
        guard self.isPaid else {
            job.firstSentAt = nil
            job.proceed(to: .send, at: self.now, progress: "asking again")
            return self.result(job, instance)
        }
        if let machine, let paidUntil = machine.paidUntil, self.job.billing?.before?.paidUntil.map({ paidUntil > $0 }) ?? true {
            instance.observeBilling(of: machine)
            return self.billingDone(job, instance)
        }
        if let acknowledgedAt = job.acknowledgedAt {
            if self.isWaitedFor || self.now >= acknowledgedAt + StepLimits.absenceGrace { return self.billingDone(job, instance) }
        } else if self.isWaitedFor {
            // A stop must not wait for it. What the provider shows of the months stands in the instance, whatever becomes of this job.
            let message = "whether the months are paid was not known yet when another change was asked for: see how long it is paid for"
            return self.billingFailed(.superseded, message, job)
        } else if self.isAbsenceProof(job) {
            job.absences += machine == nil ? 0 : 1
            if job.absences >= StepLimits.absencesProvingNoMachine {
                return self.billingFailed(.providerError, "the call was not answered, and the provider shows no month that was paid", job)
            }
        }
        job.proceed(to: .confirm, at: self.nextLook, progress: job.progress)
        return self.result(job, instance)
    }

    /// Whatever the call did has shown by now. An earlier process may have gone by another clock, so the time begins anew with each.
    private func isAbsenceProof(_ job: Job) -> Bool {
        let sentAt = max(job.firstSentAt ?? job.createdAt, self.processBegan)
        return self.believesClock && self.now > sentAt + self.settings.requestTimeout + self.settings.settleWindow
    }

    private func billingDone(_ job: Job, _ instance: Instance) -> StepResult {
        var (job, instance) = (job, instance)
        var facts = instance.billing ?? BillingFacts()
        if let months = job.billing?.autoRenewMonths { (facts.autoRenewMonths, facts.endedRenewalMonths) = (months, nil) }
        if let migration = job.billing?.autoMigration { facts.autoMigration = migration }
        if facts != BillingFacts() { instance.billing = facts }
        job.end(.succeeded, progress: "changed", at: self.now)
        return self.result(job, instance)
    }

    private func billingFailed(_ reason: StateReason, _ message: String, _ job: Job? = nil) -> StepResult {
        var (job, instance) = (job ?? self.job, self.instance)
        // What the provider refuses is not asked for again and again.
        if reason == .refused, job.billing?.autoRenewMonths != nil { instance.billing?.endedRenewalMonths = nil }
        job.end(.failed, progress: "failed", reason: reason.word, message: message, at: self.now)
        return self.result(job, instance)
    }
}
