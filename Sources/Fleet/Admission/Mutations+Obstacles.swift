extension Mutations {
    /// Why one more machine at this price would be refused now, whatever is on offer. A create is judged again, in its transaction.
    ///
    /// - Parameter name: of the new instance; empty when it has none of its own.
    package func obstacles(to price: MicroUSD, name: String = "", of tenant: TenantID, owner: Owner?) -> [FleetError] {
        var found: [FleetError] = []
        if let refusal = self.view.control.refusal(of: .begin) { found.append(FleetError(refusal)) }
        if !name.isEmpty, let holder = self.view.instance(named: name, of: tenant) { found.append(FleetError(.nameTaken(holder.id))) }
        let living = self.view.livingInstances().instances
        let everything = Usage(of: living)
        if let reached = everything.reached(self.admission.settings.ceilings, adding: price) {
            found.append(FleetError(.ceilingReached(reached)))
        }
        if let owner, let ceilings = owner.ceilings {
            let own = Usage(of: living.filter { $0.owner?.principal == owner.principal })
            if let reached = own.reached(ceilings, of: owner.principal, adding: price) {
                found.append(FleetError(.ceilingReached(reached)))
            }
        }
        if let funds = self.monitor.report.funds,
            let error = Admission.refusal(of: price, funds, self.view.billedHourlySpend, at: self.clock.now)
        {
            self.monitor.balanceDoubted.raise()
            found.append(error)
        }
        return found
    }

    /// What the call would be answered: for one that only checks, so that it hears of everything that the transaction would refuse.
    func checked(_ admitted: Admission.Admitted) throws(FleetError) -> Reply {
        let commit = admitted.commit
        let living = self.view.livingInstances().instances
        let price = commit.instances.reduce(MicroUSD.zero) { sum, instance in
            let before = self.view.instance(instance.id)?.liableHourlySpend ?? .zero
            return MicroUSD(micros: sum.micros + instance.liableHourlySpend.micros - before.micros)
        }
        for condition in commit.guards {
            var reached: CeilingReached?
            switch condition {
            case .nameIsFree(let tenant, let name):
                let holder = self.view.instance(named: name, of: tenant)
                if let holder, !commit.instances.contains(where: { $0.id == holder.id }) { throw FleetError(.nameTaken(holder.id)) }
            case .ceilings(let ceilings): reached = Usage(of: living).reached(ceilings, adding: price)
            case .ownCeilings(let ceilings, let principal):
                let own = living.filter { $0.owner?.principal == principal }
                reached = Usage(of: own).reached(ceilings, of: principal, adding: price)
            default: break
            }
            if let reached { throw FleetError(.ceilingReached(reached)) }
        }
        return Reply(instance: admitted.instance, job: admitted.job, isRepeat: false)
    }

    private struct Usage {
        var machines: Int
        var hourlySpend: MicroUSD

        init(of instances: [Instance]) {
            self.machines = instances.reduce(0) { $0 + $1.liableMachines }
            self.hourlySpend = instances.reduce(.zero) { $0 + $1.liableHourlySpend }
        }

        func reached(_ ceilings: Ceilings, of principal: PrincipalID? = nil, adding price: MicroUSD) -> CeilingReached? {
            if self.machines >= ceilings.maxInstances {
                return CeilingReached(
                    ceiling: .instances, principal: principal, limit: Int64(ceilings.maxInstances), inUse: Int64(self.machines),
                    requested: 1)
            }
            guard self.hourlySpend + price > ceilings.maxHourlySpend else { return nil }
            return CeilingReached(
                ceiling: .hourlySpend, principal: principal, limit: ceilings.maxHourlySpend.micros, inUse: self.hourlySpend.micros,
                requested: price.micros)
        }
    }
}
