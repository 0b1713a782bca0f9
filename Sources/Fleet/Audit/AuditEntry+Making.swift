extension AuditEntry {
    package static let requested = "REQUESTED"

    /// A caller's request that was granted.
    static func request(_ occasion: Admission.Occasion, instance: Instance, job: Job?, effect: String) -> AuditEntry {
        AuditEntry(
            at: occasion.now, tenant: instance.tenant, actor: occasion.actor, action: occasion.request.method, cause: self.requested,
            effect: effect, instanceID: instance.id, jobID: job?.id, upstreamID: instance.upstream?.id,
            requestID: occasion.request.requestID, hourlyPrice: instance.placement?.hourlyPrice)
    }

    /// The first sending of a stop or a delete that nobody asked for by a call.
    static func ending(_ instance: Instance, by job: Job, _ action: MachineAction, cause: JobCause, at now: Timestamp) -> AuditEntry {
        AuditEntry(
            at: now, tenant: instance.tenant, actor: self.automatic, action: action == .delete ? "DeleteMachine" : "StopMachine",
            cause: cause.word, effect: instance.stateMessage, instanceID: instance.id, jobID: job.id, upstreamID: instance.upstream?.id,
            requestID: job.requestID, hourlyPrice: instance.placement?.hourlyPrice, endsAutomatically: true)
    }

    /// A policy has asked for the machine to run.
    static func start(_ instance: Instance, by job: Job, cause: JobCause, at now: Timestamp) -> AuditEntry {
        AuditEntry(
            at: now, tenant: instance.tenant, actor: self.automatic, action: "StartMachine", cause: cause.word,
            effect: instance.stateMessage, instanceID: instance.id, jobID: job.id, upstreamID: instance.upstream?.id,
            hourlyPrice: instance.placement?.hourlyPrice)
    }

    /// The newest debt of an instance has been found.
    static func owed(_ instance: Instance, at now: Timestamp) -> AuditEntry {
        let debt = instance.debts.last
        let isUnasked = debt?.isUnasked ?? false
        return self.found(
            "FoundMachine", instance, upstream: debt?.upstreamID, cause: isUnasked ? "ORPHANED" : "SECOND_MACHINE",
            effect: isUnasked
                ? "a machine of a create call that is not known here is shown, and goes only with the instance"
                : "a machine that nobody asked for is to be deleted",
            price: debt?.hourlyPrice, at: now)
    }

    /// What the reconciler found and wrote down.
    static func found(
        _ action: String, _ instance: Instance, upstream: UpstreamID?, cause: String, effect: String, price: MicroUSD?, at now: Timestamp,
        endsAutomatically: Bool = false
    ) -> AuditEntry {
        AuditEntry(
            at: now, tenant: instance.tenant, actor: self.automatic, action: action, cause: cause, effect: effect, instanceID: instance.id,
            upstreamID: upstream, hourlyPrice: price, endsAutomatically: endsAutomatically)
    }
}
