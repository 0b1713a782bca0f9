internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

/// Plan, create, follow, start, stop, restart, delete.
package struct InstanceHandlers: NovitaiV1.InstanceServiceProtocol {
    /// Debts that go with every page of a list.
    static let owedMachinesMax = 100

    typealias InstanceList = AssembledMessage<NovitaiV1.ListInstancesResponse>

    let backend: Backend
    let encodedEvents = EncodedEvents()
    let encodedInstances = EncodedInstances()
    let liveWatches: LiveWatches<InstanceSubject>
    let metricReadings = MetricReadings()

    package init(_ backend: Backend) {
        self.backend = backend
        self.liveWatches = LiveWatches(backend.view, clock: backend.clock)
    }

    // MARK: Reading

    /// Does not suspend for an instance that lives: it is read from memory.
    package func getInstance(_ request: NovitaiV1.GetInstanceRequest, context: ServerContext) async throws -> NovitaiV1.Instance {
        try await self.backend.answer(context, about: request.id) {
            let tenant = try self.backend.tenant(of: context)
            if let instance = self.known(request.id, of: tenant) { return NovitaiV1.Instance(instance) }
            guard let ended = try await self.backend.store.instance(InstanceID(rawValue: request.id)), ended.tenant == tenant else {
                throw ErrorDetails.notFound("novitai.v1.Instance", request.id).error
            }
            return NovitaiV1.Instance(ended)
        }
    }

    /// The reply of ``getInstance(_:context:)`` as it travels, when `request` names an instance that lives by its id.
    func encodedInstance(_ request: NovitaiV1.GetInstanceRequest, context: ServerContext) throws -> [UInt8]? {
        try self.encodedInstances.reply(InstanceID(rawValue: request.id), of: self.backend.tenant(of: context), in: self.backend.view)
    }

    package func listInstances(
        _ request: NovitaiV1.ListInstancesRequest, context: ServerContext
    ) async throws -> NovitaiV1.ListInstancesResponse {
        try await self.list(request, context) { try $0.message }
    }

    /// Sorting thousands of instances takes milliseconds, and to encode them again: `form` gives a list the form that is asked for beside that.
    func list<Reply: Sendable>(
        _ request: NovitaiV1.ListInstancesRequest, _ context: ServerContext, as form: (InstanceList) throws -> Reply
    ) async throws -> Reply {
        try await self.backend.answer(context) {
            let tenant = try self.backend.tenant(of: context)
            return try await self.backend.onThreads(for: context) {
                try form(request.showDeleted ? try await self.history(request, of: tenant) : try self.living(request, of: tenant))
            }
        }
    }

    private func living(_ request: NovitaiV1.ListInstancesRequest, of tenant: TenantID) throws -> InstanceList {
        let predicate = try InstanceQuery.predicate(request.filter)
        let order = try InstanceQuery.order(request.orderBy)
        let page = try PageRequest(
            size: request.pageSize, token: request.pageToken,
            query: ["ListInstances", tenant.rawValue, request.filter, request.orderBy])
        let (living, revision) = self.backend.view.livingInstances()
        let own = living.filter { $0.tenant == tenant }
        let (instances, token) = page.page(
            of: own.filter { !$0.state.isFinal && predicate.matches($0) }, by: order, bytes: InstanceQuery.bytes)
        let parts = try instances.map { try self.encodedInstances.part($0) }
        return AssembledMessage(parts, and: self.rest(token, at: revision, FleetDebts(of: own)))
    }

    /// Everything, newest first, as the store keeps it.
    private func history(_ request: NovitaiV1.ListInstancesRequest, of tenant: TenantID) async throws -> InstanceList {
        let predicate = try InstanceQuery.predicate(request.filter)
        guard ["", "create_time desc"].contains(request.orderBy) else {
            throw FleetError.invalid([FieldViolation("order_by", "must be \"create_time desc\" with show_deleted")])
        }
        let page = try PageRequest(
            size: request.pageSize, token: request.pageToken, query: ["ListInstances", tenant.rawValue, request.filter, "deleted too"])
        let revision = self.backend.view.revision
        let (instances, token) = try await HistoryScan(page: page, tenant: tenant).run(
            cursor: { HistoryCursor(createdAt: $0.createdAt, id: $0.id.rawValue) }, bytes: InstanceQuery.bytes, where: predicate.matches
        ) { query in try await self.backend.store.instances(query) }
        let parts = try instances.map { try NovitaiV1.Instance($0).encoded(reserving: 0)[...] }
        let own = self.backend.view.livingInstances().instances.filter { $0.tenant == tenant }
        return AssembledMessage(parts, and: self.rest(token, at: revision, FleetDebts(of: own)))
    }

    /// All of a list but its instances.
    private func rest(_ token: String, at revision: Revision, _ debts: FleetDebts) -> NovitaiV1.ListInstancesResponse {
        var response = NovitaiV1.ListInstancesResponse()
        response.nextPageToken = token
        response.owedMachines = debts.machines.prefix(Self.owedMachinesMax).map { NovitaiV1.OwedMachine($0) }
        response.leakedHourlyPrice = NovitaiV1.Money(debts.leakedHourly)
        response.resumeToken = self.backend.view.deployment.map { NovitaiV1.ResumeToken($0.history, revision) }
        return response
    }

    /// By id or by name, from memory.
    func known(_ text: String, of tenant: TenantID) -> Instance? {
        if let instance = self.backend.view.instance(InstanceID(rawValue: text)), instance.tenant == tenant { return instance }
        return self.backend.view.instance(named: text, of: tenant)
    }

    // MARK: Planning

    package func planInstance(
        _ request: NovitaiV1.PlanInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.PlanInstanceResponse {
        try await self.backend.answer(context) {
            let wanted = try await self.requestedSpec(request.spec, context: context)
            let tenant = try self.backend.tenant(of: context)
            let new = Admission.NewInstance(tenant: tenant, name: "", spec: wanted.spec, environment: wanted.environment)
            let now = self.backend.clock.now
            try Self.check(
                wanted.violations + Admission.violations(of: new) + SpecRules.violations(ofCapacityWait: wanted.spec, at: now))
            let catalogue = try await self.backend.cloud.catalogue(call: self.backend.cloudCall(context))
            let planner = self.planner(catalogue)
            try Self.check(planner.unknownNames(in: wanted.spec))
            var response = NovitaiV1.PlanInstanceResponse()
            let candidates = planner.candidates(for: wanted.spec, at: now)
            response.candidates = candidates.map { NovitaiV1.Candidate($0) }
            let awaited = wanted.spec.waitForCapacityUntil == nil ? nil : candidates.awaited
            response.wouldWait = awaited != nil
            let price = candidates.first { $0.verdict == .eligible }.map(\.placement.hourlyPrice) ?? awaited?.placement.hourlyPrice ?? .zero
            let obstacles = self.backend.mutations.obstacles(
                to: price, of: tenant, owner: Owner(try self.backend.caller(of: context)))
            response.obstacles = obstacles.map { NovitaiV1.PlanObstacle($0) }
            response.freshness = NovitaiV1.Freshness(catalogue.fetchedAt)
            return response
        }
    }

    func planner(_ catalogue: Catalogue) -> Planner {
        Planner(catalogue: catalogue, cooldowns: self.backend.cooldowns, defaultRegion: self.backend.settings.defaultRegion)
    }

    static func check(_ violations: [FieldViolation]) throws(FleetError) {
        guard violations.isEmpty else { throw .invalid(violations) }
    }
}
