internal import CivilTime
internal import NovitaiProto
internal import ProtobufWire

// How messages read in tables and lines for people.

extension ProtobufEnum {
    /// The value's name without what all names of the type begin with: `RUNNING` of `INSTANCE_STATE_RUNNING`.
    var word: String {
        let common = Self.declaredValues.first { $0.name.hasSuffix("UNSPECIFIED") }?.name.count ?? 11
        let name = self.description
        return name.contains("_") ? String(name.dropFirst(common - 11)) : name
    }
}

extension GoogleProtobuf.Timestamp? {
    var text: String {
        self.map { RFC3339.text(seconds: $0.seconds) } ?? "-"
    }
}

extension NovitaiV1.Money? {
    var text: String {
        self.map { dollars($0.micros) } ?? "-"
    }
}

/// `0.35` of 350000: at least two decimals, as many as there are.
func dollars(_ micros: Int64) -> String {
    var decimals = String(micros.magnitude % 1_000_000)
    decimals = String(repeating: "0", count: 6 - decimals.count) + decimals
    while decimals.count > 2, decimals.last == "0" { decimals.removeLast() }
    return (micros < 0 ? "-" : "") + "\(micros.magnitude / 1_000_000).\(decimals)"
}

func table(_ instances: [NovitaiV1.Instance]) -> String {
    var table = Table("ID", "NAME", "STATE", "READY", "PRODUCT", "GPUS", "REGION", "USD/H", "CREATED")
    for instance in instances {
        table.add(
            instance.id, instance.name, instance.state.word, instance.readiness == .ready ? "yes" : "no",
            instance.placement?.productName ?? "-", String(instance.spec?.gpuCount ?? 0), instance.placement?.regionId ?? "-",
            (instance.placement?.hourlyPrice).text, instance.createTime.text)
    }
    return table.text
}

func table(_ jobs: [NovitaiV1.Job]) -> String {
    var table = Table("ID", "TYPE", "STATE", "STEP", "INSTANCE", "TRIES", "CREATED", "PROGRESS")
    for job in jobs {
        table.add(
            job.id, job.type.word, job.state.word, job.step, job.instanceId, String(job.attemptCount), job.createTime.text,
            job.state == .failed || job.state == .cancelled ? "\(job.errorReason) \(job.errorMessage)" : job.progress)
    }
    return table.text
}

func details(_ instance: NovitaiV1.Instance) -> String {
    var table = Table("FIELD", "VALUE")
    table.add("id", instance.id)
    table.add("name", instance.name)
    table.add("state", "\(instance.state.word) (wanted: \(instance.desiredState.word))")
    table.add("reason", "\(instance.stateReason.word) \(instance.stateMessage)")
    table.add("ready", instance.readiness == .ready ? "yes" : "no: \(instance.notReadyReason)")
    for probe in instance.probes { table.add("probe \(probe.port)", "\(probe.healthy ? "healthy" : "not healthy"): \(probe.detail)") }
    for owed in instance.owedMachines { table.add("owed", "\(owed.upstreamId) \(owed.hourlyPrice.text) USD/h since \(owed.since.text)") }
    if instance.wastedCost != nil { table.add("wasted", "\(instance.wastedCost.text) USD") }
    if let placement = instance.placement {
        table.add("product", "\(instance.spec?.gpuCount ?? 0) x \(placement.productName) (\(placement.productId))")
        table.add("region", "\(placement.regionName) (\(placement.regionId))")
        table.add("price", "\(placement.hourlyPrice.text) USD/h, \(placement.billingMode.word)")
    }
    if let spec = instance.spec { table.add("image", spec.image) }
    if !instance.environmentNames.isEmpty { table.add("environment", instance.environmentNames.joined(separator: ", ")) }
    for (key, value) in instance.labels.sorted(by: { $0.key < $1.key }) { table.add("label", "\(key)=\(value)") }
    for endpoint in instance.endpoints { table.add("port \(endpoint.port)", endpoint.address) }
    if let upstream = instance.upstream { table.add("provider", "\(upstream.id) \(upstream.status) \(upstream.error)") }
    if instance.policies != nil { table.add("next action", words(instance.nextAction)) }
    table.add("job", instance.jobId)
    table.add("created", instance.createTime.text)
    table.add("running since", instance.runningSince.text)
    table.add("revision", String(instance.revision))
    return table.text
}

func details(_ job: NovitaiV1.Job) -> String {
    var text = table([job])
    for attempt in job.attempts { text += "\n  try \(attempt.number), \(attempt.startTime.text), \(attempt.step): \(attempt.error)" }
    return text
}

/// One line of `watch`.
func line(_ kind: NovitaiV1.InstanceEventKind, _ instance: NovitaiV1.Instance) -> String {
    "\(instance.updateTime.text)  \(kind.word)  \(summary(instance))"
}

func summary(_ instance: NovitaiV1.Instance) -> String {
    let ready = instance.readiness == .ready ? ", ready" : ""
    let why = instance.stateMessage.isEmpty ? "" : ": \(instance.stateMessage)"
    return "\(instance.name.isEmpty ? instance.id : instance.name) \(instance.state.word)\(ready)\(why)"
}

func summary(_ job: NovitaiV1.Job) -> String {
    "\(job.id) \(job.type.word) \(job.state.word)\(job.progress.isEmpty ? "" : ": \(job.progress)")"
}
