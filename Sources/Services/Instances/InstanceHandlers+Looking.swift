internal import Access
internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

// MARK: - Looking into a machine

extension InstanceHandlers {
    /// Points of one series: more is no picture for people, and the provider is asked for all of them at once.
    static let metricPointsMax: Int64 = 2000
    /// Points where nobody says how many.
    private static let metricPointsDefault: Int64 = 120
    private static let metricSpanDefault: Duration = .seconds(3600)

    /// The audit entry is written first: nobody sees a password without standing there.
    package func getInstanceAccess(
        _ request: NovitaiV1.GetInstanceAccessRequest, context: ServerContext
    ) async throws -> NovitaiV1.GetInstanceAccessResponse {
        try await self.backend.answer(context, about: request.id) {
            let caller = try self.backend.caller(of: context)
            let (instance, machine) = try self.machine(request.id, of: try self.backend.tenant(of: context))
            let entry = AuditEntry(
                at: self.backend.clock.now, tenant: instance.tenant, actor: caller.id, action: "GetInstanceAccess",
                cause: AuditEntry.requested, effect: "the ways into the machine are shown", instanceID: instance.id, upstreamID: machine)
            _ = try await self.backend.store.commit(Commit(audit: [entry]))
            guard let access = try await self.backend.cloud.access(to: machine, call: self.backend.cloudCall(context)) else {
                throw FleetError(.invalidState, "the provider does not know the machine (any more)", instanceID: instance.id)
            }
            var response = NovitaiV1.GetInstanceAccessResponse()
            response.instanceId = instance.id.rawValue
            response.sshCommand = access.sshCommand
            response.sshPassword = access.sshPassword
            response.jupyterUrl = access.jupyterAddress
            response.terminalUrl = access.terminalAddress
            response.terminalUser = access.terminalUser
            response.terminalPassword = access.terminalPassword
            response.systemLogUrl = access.systemLogAddress
            response.instanceLogUrl = access.instanceLogAddress
            response.endpoints = NovitaiV1.Instance(instance).endpoints
            return response
        }
    }

    package func getInstanceMetrics(
        _ request: NovitaiV1.GetInstanceMetricsRequest, context: ServerContext
    ) async throws -> NovitaiV1.GetInstanceMetricsResponse {
        try await self.backend.answer(context, about: request.id) {
            let (instance, machine) = try self.machine(request.id, of: try self.backend.tenant(of: context))
            let window = try Self.window(of: request, at: self.backend.clock.now)
            let key = MetricReadings.Key(machine: machine, start: window.start, end: window.end, interval: window.interval)
            // Whoever looks waits for everybody who changes something.
            let call = self.backend.cloudCall(context, priority: .sweep)
            let reading = try await self.metricReadings.reading(key, clock: self.backend.clock) { () async throws(CloudError) in
                try await self.backend.cloud.metrics(of: machine, in: window, call: call)
            }
            var response = NovitaiV1.GetInstanceMetricsResponse(reading.value)
            response.instanceId = instance.id.rawValue
            response.freshness = NovitaiV1.Freshness(reading.fetchedAt)
            response.startTime = GoogleProtobuf.Timestamp(window.start)
            response.endTime = GoogleProtobuf.Timestamp(window.end)
            response.interval = GoogleProtobuf.Duration(window.interval)
            return response
        }
    }

    private func machine(_ id: String, of tenant: TenantID) throws -> (Instance, UpstreamID) {
        guard let instance = self.known(id, of: tenant) else { throw ErrorDetails.notFound("novitai.v1.Instance", id).error }
        guard let upstream = instance.upstream, !instance.state.isFinal else {
            throw FleetError(.invalidState, "there is no machine", instanceID: instance.id)
        }
        return (instance, upstream.id)
    }

    /// Rounded to the provider's step, so that those who ask at about the same time ask for the same.
    private static func window(of request: NovitaiV1.GetInstanceMetricsRequest, at now: Timestamp) throws -> MetricWindow {
        let times = (self.time(request.startTime), self.time(request.endTime))
        let end = times.1 ?? now
        let start = times.0 ?? end - (self.duration(request.span) ?? self.metricSpanDefault)
        guard start < end else { throw FleetError.invalid([FieldViolation("start_time", "must be before end_time")]) }
        let span = end - start
        let interval = max(
            MetricWindow.intervalMin, self.rounded(up: self.duration(request.interval) ?? span / Int(self.metricPointsDefault)))
        guard span / interval <= Double(self.metricPointsMax) else {
            throw FleetError.invalid([FieldViolation("interval", "must give at most \(self.metricPointsMax) points")])
        }
        let step = MetricWindow.intervalMin
        return MetricWindow(start: self.rounded(start, to: step), end: self.rounded(end, to: step), interval: interval)
    }

    private static func time(_ time: GoogleProtobuf.Timestamp?) -> Timestamp? { time.map { Timestamp(seconds: $0.seconds) } }

    private static func duration(_ duration: GoogleProtobuf.Duration?) -> Duration? {
        duration.map { .seconds($0.seconds) + .nanoseconds(Int64($0.nanos)) }
    }

    /// Down to a whole step.
    private static func rounded(_ time: Timestamp, to step: Duration) -> Timestamp {
        let seconds = step.components.seconds
        return Timestamp(seconds: time.seconds - time.seconds % seconds)
    }

    /// To whole seconds, which is what the provider takes.
    private static func rounded(up duration: Duration) -> Duration {
        .seconds(duration.components.seconds + (duration.components.attoseconds > 0 ? 1 : 0))
    }
}

extension NovitaiV1.GetInstanceMetricsResponse {
    fileprivate init(_ metrics: MachineMetrics) {
        self.init()
        self.cpu = NovitaiV1.MetricSeries(metrics.cpu)
        self.memory = NovitaiV1.MetricSeries(metrics.memory)
        self.rootDisk = NovitaiV1.MetricSeries(metrics.rootDisk)
        self.gpu = NovitaiV1.GpuMetricSeries(metrics.gpu)
        self.gpuMemory = NovitaiV1.GpuMetricSeries(metrics.gpuMemory)
    }
}

extension NovitaiV1.MetricSeries {
    fileprivate init(_ points: [MetricPoint]) {
        self.init()
        self.points = points.map { NovitaiV1.MetricPoint($0) }
    }
}

extension NovitaiV1.GpuMetricSeries {
    fileprivate init(_ metrics: GPUMetrics) {
        self.init()
        self.average = metrics.average.map { NovitaiV1.MetricPoint($0) }
        self.byGpu = metrics.byGPU.mapValues { NovitaiV1.MetricSeries($0) }
    }
}

extension NovitaiV1.MetricPoint {
    fileprivate init(_ point: MetricPoint) {
        self.init()
        self.time = GoogleProtobuf.Timestamp(point.at)
        self.percent = point.percent
    }
}
