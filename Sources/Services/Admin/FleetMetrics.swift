package import Fleet
internal import NovitaiProto
internal import ProtobufWire
package import Telemetry

/// The fleet in numbers, counted when somebody asks.
package struct FleetMetrics: MetricSource {
    private let view: View
    private let monitor: FleetMonitor
    private let ceilings: Ceilings
    private let clock: any Clock

    package init(view: View, monitor: FleetMonitor, ceilings: Ceilings, clock: any Clock) {
        self.clock = clock
        self.view = view
        self.monitor = monitor
        self.ceilings = ceilings
    }

    package var families: [MetricFamily] {
        let (instances, revision) = self.view.livingInstances()
        let spend = instances.reduce(MicroUSD.zero) { $0 + $1.liableHourlySpend }
        // What waits for capacity counts for the ceilings, and costs nothing.
        let billed = instances.reduce(MicroUSD.zero) { $0 + $1.billedHourlySpend }
        let debts = instances.flatMap(\.debts)
        return self.instanceFamilies(instances) + [
            .gauge("novitai_revision", "The newest revision of the log.", Double(revision.number)),
            .gauge(
                "novitai_machines_not_proven_gone", "What MAX_INSTANCES counts.", Double(instances.reduce(0) { $0 + $1.liableMachines })),
            .gauge("novitai_machines_max", "MAX_INSTANCES.", Double(self.ceilings.maxInstances)),
            .gauge(
                "novitai_hourly_spend_dollars", "US dollars per hour of the same machines, by quoted price.", Double(spend.micros) / 1e6),
            .gauge("novitai_hourly_spend_max_dollars", "MAX_HOURLY_SPEND.", Double(self.ceilings.maxHourlySpend.micros) / 1e6),
            .gauge("novitai_debts", "Machines too many that are being deleted.", Double(debts.count)),
            .gauge(
                "novitai_debts_hourly_dollars", "US dollars per hour of those.",
                Double(debts.reduce(0) { $0 + $1.hourlyPrice.micros }) / 1e6),
        ] + self.moneyFamilies(instances) + self.engineFamilies + self.fundsFamilies(billed)
    }

    private func moneyFamilies(_ instances: [Instance]) -> [MetricFamily] {
        let debts = FleetDebts(of: instances)
        let control = self.view.control
        return [
            .gauge("novitai_owed_machines", "Machines that nobody wants and that are not proven gone.", Double(debts.machines.count)),
            .gauge("novitai_leaked_usd_per_hour", "US dollars per hour of those.", Double(debts.leakedHourly.micros) / 1e6),
            .gauge(
                "novitai_oldest_debt_time_seconds", "Since when the oldest of those is to go; 0 when there is none.",
                debts.machines.first.map { Double($0.since.microseconds) / 1e6 } ?? 0),
            .gauge("novitai_orphaned_instances", "Machines found without a record.", Double(debts.orphans)),
            .gauge(
                "novitai_orphaned_usd_per_hour", "US dollars per hour of those, as far as known.", Double(debts.orphanedHourly.micros) / 1e6
            ),
            .gauge("novitai_orphaned_unpriced_instances", "Those whose price is not known.", Double(debts.orphansUnpriced)),
            .gauge("novitai_frozen", "1 while creates, starts and automatic stops and deletes rest.", control.freeze == nil ? 0 : 1),
            .gauge("novitai_observing", "1 while the deployment is not activated.", control.observation == nil ? 0 : 1),
        ]
    }

    private func instanceFamilies(_ instances: [Instance]) -> [MetricFamily] {
        let states = Dictionary(grouping: instances, by: \.state).mapValues(\.count)
        let running = instances.filter { $0.state == .running }
        return self.jobFamilies + FleetShares(instances).families + [
            .gauge(
                "novitai_running_hourly_dollars", "US dollars per hour of the instances that run, by quoted price.",
                Double(running.reduce(0) { $0 + ($1.placement?.hourlyPrice.micros ?? 0) }) / 1e6),
            .gauge("novitai_instances_ready", "Instances that run and are ready.", Double(running.count { $0.readiness == .ready })),
            MetricFamily(
                .gauge, "novitai_instances", "Living instances by state.",
                InstanceState.allCases.filter { !$0.isFinal }.map { state in
                    MetricFamily.Sample(Double(states[state] ?? 0), labels: [.init("state", NovitaiV1.InstanceState(state).description)])
                }),
        ]
    }

    private var jobFamilies: [MetricFamily] {
        let jobs = self.view.unfinishedJobs().jobs
        let line = jobs.filter(\.isInCapacityLine)
        let types = Dictionary(grouping: jobs, by: \.type).mapValues(\.count)
        let kinds = Dictionary(grouping: jobs) { JobKind(type: $0.type, state: $0.state) }.mapValues(\.count)
        return [
            .gauge("novitai_creates_waiting_for_capacity", "Creates that stand in line until an offer has room.", Double(line.count)),
            .gauge(
                "novitai_oldest_capacity_wait_time_seconds", "Since when the oldest of those waits; 0 when there is none.",
                line.compactMap(\.capacityWaitSince).min().map { Double($0.microseconds) / 1e6 } ?? 0),
            MetricFamily(
                .gauge, "novitai_jobs", "Unfinished jobs by type and state.",
                JobType.known.flatMap { type in
                    JobState.allCases.filter { !$0.isFinal }.map { state in
                        let kind = JobKind(type: type, state: state)
                        return MetricFamily.Sample(Double(kinds[kind] ?? 0), labels: kind.labels)
                    }
                }),
            MetricFamily(
                .gauge, "novitai_jobs_unfinished", "Unfinished jobs by type; UNSPECIFIED: of a later release, kept and not run.",
                JobType.allCases.map { type in
                    MetricFamily.Sample(Double(types[type] ?? 0), labels: [.init("type", NovitaiV1.JobType(type).description)])
                }),
        ]
    }

    private var engineFamilies: [MetricFamily] {
        let report = self.monitor.report
        var families: [MetricFamily] = [
            .gauge("novitai_job_steps_running", "Job steps at work.", Double(report.runningSteps)),
            .counter("novitai_job_steps_total", "Job steps begun.", Double(report.stepsBegun)),
            .counter("novitai_job_steps_abandoned_total", "Job steps whose outcome could not be written.", Double(report.stepsAbandoned)),
            .counter("novitai_create_calls_total", "Create calls made.", Double(report.createCalls)),
        ]
        if let sweep = report.lastSweep {
            families += [
                .gauge("novitai_sweep_end_time_seconds", "When the last sweep ended.", Double(sweep.endedAt.microseconds) / 1e6),
                .gauge("novitai_sweep_duration_seconds", "How long the last sweep took.", (sweep.endedAt - sweep.begunAt) / .seconds(1)),
                .gauge("novitai_account_machines", "Machines on the account.", Double(sweep.machines)),
                .gauge("novitai_account_foreign_machines", "Machines on the account that are not ours.", Double(sweep.foreignMachines)),
                .gauge(
                    "novitai_account_suspect_machines", "Machines that name an instance of ours in their environment only.",
                    Double(sweep.suspectMachines)),
            ]
        }
        if let pace = report.sweepPace {
            families += [
                .gauge("novitai_sweep_interval_seconds", "Between the beginnings of two sweeps.", pace.interval / .seconds(1)),
                .gauge(
                    "novitai_sweep_seen_within_seconds", "After how long a change at the provider has been seen.",
                    pace.seenWithin / .seconds(1)),
            ]
        }
        return families
    }

    /// Nothing before the first reading: a dashboard must not show an empty account.
    private func fundsFamilies(_ spend: MicroUSD) -> [MetricFamily] {
        guard let funds = self.monitor.report.funds else { return [] }
        var families: [MetricFamily] = [
            .gauge("novitai_upstream_balance_usd", "What the account had left when it was last read.", Double(funds.balance.micros) / 1e6),
            .gauge(
                "novitai_upstream_balance_read_time_seconds", "When the balance was last read.", Double(funds.readAt.microseconds) / 1e6),
        ]
        if let hours = funds.runwayHours(at: self.clock.now, hourlySpend: spend) {
            families.append(
                .gauge("novitai_upstream_runway_hours", "Hours that the balance carries what is not proven gone.", hours))
        }
        return families
    }
}

extension MetricFamily {
    package static func gauge(_ name: String, _ help: String, _ value: Double) -> Self { Self(.gauge, name, help, [Sample(value)]) }
    package static func counter(_ name: String, _ help: String, _ value: Double) -> Self { Self(.counter, name, help, [Sample(value)]) }
}
