internal import Fleet

/// What a long listing tells before it is whole: changes of machines that it shows. What it does not show, and what is one too many, only the
/// whole of it can tell.
extension Reconciler {
    /// A listing of all machines; changes on its pages are looked into while the next ones are read.
    func listing() async throws(CloudError) -> MachineListing {
        let (pages, continuation) = AsyncStream.makeStream(
            of: MachineListing.self, bufferingPolicy: .bufferingOldest(EngineLimits.pagesWaitingMax))
        async let answered: Void = self.settleChanges(on: pages)
        let result: Result<MachineListing, CloudError>
        do throws(CloudError) {
            let now = self.world.clock.now
            result = .success(
                try await self.observer.listing(since: now, priority: .sweep, requestID: "sweep") { continuation.yield($0) })
        } catch {
            result = .failure(error)
        }
        continuation.finish()
        await answered
        return try result.get()
    }

    private func settleChanges(on pages: AsyncStream<MachineListing>) async {
        var left = EngineLimits.questionsPerSweepMax
        for await page in pages {
            for question in self.changes(on: page).prefix(left) where !self.isShuttingDown {
                left -= 1
                // What a direct read does not find is missing, and the whole listing's to tell.
                _ = await self.settle(question, wasAbsent: false)
            }
        }
    }

    private func changes(on page: MachineListing) -> [ReconciliationQuestion] {
        guard self.world.view.control.observation == nil else { return [] }
        let ids = Set(page.machines.compactMap { $0.token?.instance })
        let living = self.world.view.workableInstances.filter { ids.contains($0.id) }
        let busy = Set(self.world.view.unfinishedJobs().jobs.filter(\.watchesMachine).map(\.instanceID))
        return self.reconciliation.questions(from: page, living: living, busy: busy, believesAbsence: false).filter { $0.kind == .changed }
    }
}
