internal import Fleet

extension World {
    /// Who goes before a create that may wait for capacity; a clear view for any other.
    func capacityOutlook(for job: Job, of instance: Instance) -> CapacityOutlook {
        let funds = self.monitor.report.funds
        let otherHourlySpend = MicroUSD(micros: self.view.billedHourlySpend.micros - instance.billedHourlySpend.micros)
        guard instance.spec.waitForCapacityUntil != nil else {
            return CapacityOutlook(older: [], funds: funds, otherHourlySpend: otherHourlySpend)
        }
        let now = self.clock.now
        let older = self.view.unfinishedJobs().jobs.prefix { ($0.createdAt, $0.id) < (job.createdAt, job.id) }
        return CapacityOutlook(
            older: older.filter(\.claimsCapacity).compactMap { other in
                guard let waiting = self.view.instance(other.instanceID), waiting.desiredState == .running,
                    waiting.spec.waitForCapacityUntil != nil
                else { return nil }
                return CapacityOutlook.Waiter(
                    spec: waiting.spec, hasLooked: other.isInCapacityLine && self.capacityLooks.contains(other.id, at: now))
            },
            funds: funds, otherHourlySpend: otherHourlySpend)
    }
}

extension Job {
    /// It stands in line, or asks one place after the other: until it is answered what it may ask next is not for those after it.
    fileprivate var claimsCapacity: Bool {
        self.type == .createInstance && (self.step == .place || (self.step.isSettling && self.state == .running))
    }
}
