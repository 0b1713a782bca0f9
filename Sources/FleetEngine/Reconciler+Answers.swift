internal import Fleet

/// From a question to what is done about it: a direct read, a judgement, a commit, perhaps a delete.
extension Reconciler {
    /// Answers whether the machine must be looked for once more.
    func settle(_ question: ReconciliationQuestion, wasAbsent: Bool) async -> Bool {
        do {
            let priority: CallPriority = question.kind == .debt ? .release : .sweep
            let begunAt = self.world.clock.now
            let machine = try await self.observer.read(question.upstreamID, priority: priority, requestID: "sweep")
            let instance = try await self.instance(question.instanceID)
            // What was read before the last change says nothing about what has come of it.
            let isAboutState = question.kind == .missing || question.kind == .changed
            if isAboutState, let instance, instance.updatedAt > begunAt || self.isWatched(instance.id) { return false }
            let isUnasked = instance?.debts.contains { $0.upstreamID == question.upstreamID && $0.isUnasked == true } ?? false
            let needsPrice = instance?.placement == nil || question.kind == .stranger || isUnasked
            let placement = needsPrice ? await self.placement(of: machine) : nil
            var question = question
            question.own = try await self.ownMachine(beside: question, of: instance)
            let answer = self.reconciliation.answer(
                question, instance: instance, machine: machine, wasAbsent: wasAbsent, placement: placement, at: self.world.clock.now)
            switch answer {
            case .nothing: return false
            case .suspect: return true
            case .commit(let commit): try await self.commit(commit, for: question)
            case .release(let id, let commit): try await self.release(id, of: question.instanceID, first: commit)
            case .unproven(let id):
                self.world.report(.suspectFound(question.instanceID, id))
            }
        } catch {
            self.world.report(.sweepFailed("\(error)"))
        }
        return false
    }

    /// Which of two is in use is decided by what both are now.
    private func ownMachine(beside question: ReconciliationQuestion, of instance: Instance?) async throws(CloudError) -> Machine? {
        guard question.kind == .extra, let upstream = instance?.upstream, upstream.id != question.upstreamID else { return question.own }
        let own = try await self.observer.read(upstream.id, priority: .sweep, requestID: "sweep")
        return own?.completed(by: question.own)
    }

    private func isWatched(_ id: InstanceID) -> Bool { self.world.view.unfinishedJobs(of: id).contains(where: \.watchesMachine) }

    /// The machine that was just read and found to be one too many is ended at once; another only once it has been read itself.
    private func commit(_ commit: Commit, for question: ReconciliationQuestion) async throws {
        guard let committed = try await self.write(commit, for: question.instanceID), question.kind != .debt else { return }
        for case .instance(let instance) in committed.events.map(\.object) {
            let answer = self.reconciliation.release(question.upstreamID, of: instance, at: self.world.clock.now)
            guard case .release(let id, let first) = answer else { continue }
            try await self.release(id, of: instance.id, first: first)
        }
    }

    /// - Parameter first: what must be durable before the machine is deleted for the first time.
    private func release(_ id: UpstreamID, of instance: InstanceID, first: Commit?) async throws {
        if let first {
            guard try await self.write(first, for: instance) != nil else { return }
        } else if let refusal = self.world.view.control.refusal(of: .endAutomatically) {
            return self.world.report(.held(instance, .control(refusal)))
        }
        self.world.report(.releasing(instance, id))
        // What a failed call has come to is seen at the next sweep.
        try? await self.world.delete(id, requestID: instance.rawValue)
    }

    /// Nil when it may not be written now; the next sweep looks again.
    private func write(_ commit: Commit, for instance: InstanceID) async throws -> Committed? {
        do throws(StoreError) {
            let committed = try await self.world.store.commit(commit)
            self.world.storeAnswered(nil)
            return committed
        } catch {
            self.world.storeAnswered(error)
            // Somebody changed the instance meanwhile.
            if case .conflict = error { return nil }
            guard let hold = Hold(error) else { throw error }
            self.world.report(.held(instance, hold))
            return nil
        }
    }

    private func instance(_ id: InstanceID) async throws -> Instance? {
        if let instance = self.world.view.instance(id) { return instance }
        return try await self.world.store.instance(id)
    }

    /// The price of a machine that we have no record of; nil while it is not known: its product is no longer on offer, or not in its mode,
    /// or the provider does not say how many GPUs it has.
    private func placement(of machine: Machine?) async -> Placement? {
        guard let machine, let catalogue = try? await self.world.cloud.catalogue(call: self.world.call(.sweep, requestID: "sweep")),
            let product = catalogue.products.first(where: { $0.id == machine.productID }), let mode = machine.billingMode,
            let gpus = machine.gpuCount, let price = product.price(mode)
        else { return nil }
        return Placement(
            productID: product.id, productName: product.name, clusterID: machine.clusterID,
            clusterName: catalogue.clusters.first { $0.id == machine.clusterID }?.name ?? machine.clusterID, billingMode: mode,
            hourlyPrice: price * max(1, gpus))
    }
}
