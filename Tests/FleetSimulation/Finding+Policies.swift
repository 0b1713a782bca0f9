import Fleet

/// Policies end what their owners have said, not earlier, and not while the fleet is frozen. That each does end is the customers' own
/// finding: who leaves a machine to its policies waits for them to delete it.
extension Finding {
    var policyViolations: [String] { self.earlyEndings + self.frozenEndings }

    /// Policies that have ended something, by their cause.
    var endingsByCause: [JobCause: Int] {
        Dictionary(self.policyJobs.map { ($0.cause, 1) }, uniquingKeysWith: +)
    }

    private struct PolicyJob {
        var job: Job
        var cause: JobCause
        /// Before the job came.
        var instance: Instance
    }

    private var policyJobs: [PolicyJob] {
        var (latest, seen): ([InstanceID: Instance], Set<JobID>) = ([:], [])
        var found: [PolicyJob] = []
        for event in self.events {
            switch event.object {
            case .job(let job) where seen.insert(job.id).inserted:
                if let cause = job.cause, let instance = latest[job.instanceID] {
                    found.append(PolicyJob(job: job, cause: cause, instance: instance))
                }
            case .job: break
            case .instance(let instance): latest[instance.id] = instance
            }
        }
        return found
    }

    private var earlyEndings: [String] {
        self.policyJobs.compactMap { ending in
            guard let dueAt = self.dueAt(ending), ending.job.createdAt < dueAt else { return nil }
            return "\(ending.job.instanceID): \(ending.job.type) because of \(ending.cause) at \(ending.job.createdAt), due at \(dueAt)"
        }
    }

    /// Reckoned from what the customer said; nil for what is no policy.
    private func dueAt(_ ending: PolicyJob) -> Timestamp? {
        let (instance, policies) = (ending.instance, ending.instance.policies ?? InstancePolicies())
        let signs = self.outcomes.values.first { $0.instanceID == instance.id }?.signs ?? []
        let sign = max(
            signs.last { $0 <= ending.job.createdAt } ?? instance.createdAt, instance.runningSince ?? instance.createdAt)
        let isStop = ending.job.type == .stopInstance
        let never = Timestamp(seconds: .max / 2_000_000)
        let away = self.away(from: sign, to: ending.job.createdAt)
        return switch ending.cause {
        case .idle: sign + (policies.idleStop ?? .seconds(1_000_000)) + away
        case .leaseLapsed: sign + (policies.lease ?? .seconds(1_000_000)) * (isStop ? 1 : 2) + away
        case .lifetime: policies.maxLifetime.map { instance.createdAt + $0 } ?? never
        case .schedule:
            switch ending.job.type {
            case .startInstance: policies.startAt ?? never
            case .stopInstance: policies.stopAt ?? never
            default: policies.deleteAt ?? never
            }
        case .startupTimeout, .providerError, .spotReclaim, .migrationFailed: nil
        }
    }

    /// Without a server, to which nobody could say anything.
    private func away(from begin: Timestamp, to end: Timestamp) -> Duration {
        var (away, crashedAt): (Duration, Timestamp?) = (.zero, nil)
        for line in self.trace where line.text.hasPrefix("server ") && line.at <= end {
            if line.text.hasSuffix(" crashes") { crashedAt = line.at }
            guard line.text.hasSuffix(" starts"), let crash = crashedAt else { continue }
            away += max(.zero, line.at - max(crash, begin))
            crashedAt = nil
        }
        return away
    }

    /// In the order of the audit log, which is that of the commits.
    private var frozenEndings: [String] {
        var isFrozen = false
        return self.audit.compactMap { entry in
            if entry.action == "SetFreeze" { isFrozen = entry.effect.contains("rest") }
            return isFrozen && entry.endsAutomatically ? "\(entry.action) of \(entry.upstreamID?.rawValue ?? "") during a freeze" : nil
        }
    }
}
