internal import Fleet
internal import NovitaiProto

/// The instances that one `WatchInstances` call is told of. Knows what the caller has been told, so that an instance which never fitted is not
/// taken away from it.
struct InstanceSubject: WatchSubject {
    typealias Response = AssembledMessage<NovitaiV1.WatchInstancesResponse>

    private let tenant: TenantID
    /// Empty: all of the tenant's.
    private let ids: Set<InstanceID>
    private let predicate: Predicate<Instance>
    private let encoder: EncodedEvents
    /// Whether all the tenant's instances are watched: such a caller holds all that are not over, and nothing has to be kept of each.
    private let isOfAll: Bool
    /// Whether the caller holds an instance that is not in `holds`: unknown after a resumption, and then taken for yes.
    private let mayHoldOthers: Bool
    /// Of some instances: bounded by those that live while the watch does; ended ones are dropped.
    private var holds: [InstanceID: Bool] = [:]
    /// Of all: those of which the caller knows, or need not know, that they are over. They may change yet, by a debt that is settled.
    private var ended: Set<InstanceID> = []

    /// Ended instances that are kept in mind. Beyond it all are forgotten: at worst the caller hears again that one of them is over.
    private static let endedMax = 2048

    /// - Parameter encoder: of all watches.
    init(_ request: NovitaiV1.WatchInstancesRequest, tenant: TenantID, isResumed: Bool, view: View, encoder: EncodedEvents)
        throws(FleetError)
    {
        self.tenant = tenant
        // Names of living instances are taken too.
        self.ids = Set(request.ids.map { view.instance(named: $0, of: tenant)?.id ?? InstanceID(rawValue: $0) })
        self.predicate = try InstanceQuery.predicate(request.filter)
        self.isOfAll = request.ids.isEmpty && request.filter.isEmpty
        self.encoder = encoder
        self.mayHoldOthers = isResumed
    }

    static func object(of event: Event) -> Instance? {
        if case .instance(let instance) = event.object { instance } else { nil }
    }

    // Thousands of watches ask: inlined, so that no instance is copied for an answer that needs one or two of its fields.
    @inline(__always)
    func concerns(_ instance: Instance) -> Bool {
        instance.tenant == self.tenant && (self.ids.isEmpty || self.ids.contains(instance.id))
    }

    mutating func snapshot(of backend: Backend) async throws -> (objects: [Instance], revision: Revision) {
        let (view, before) = (backend.view, self)
        // Looking through thousands of instances takes milliseconds: not on a connection's event loop.
        let (subject, living, revision) = await withTaskExecutorPreference(globalConcurrentExecutor) {
            var subject = before
            let (instances, revision) = view.livingInstances()
            let living = instances.filter { subject.isSelected($0) }
            if subject.isOfAll {
                subject.ended = Set(instances.lazy.filter { $0.state.isFinal && subject.concerns($0) }.prefix(Self.endedMax).map(\.id))
            } else {
                for instance in living { subject.holds[instance.id] = true }
            }
            return (subject, living, revision)
        }
        self = subject
        return (try await living + self.endedOnes(besides: living, backend.store), revision)
    }

    /// Who waits for an instance by its id has to learn that it is over. At most as many reads as the request named ids.
    private func endedOnes(besides living: [Instance], _ store: any Store) async throws -> [Instance] {
        var ended: [Instance] = []
        for id in self.ids.subtracting(living.map(\.id)).sorted() {
            guard let instance = try await store.instance(id), instance.tenant == self.tenant, instance.state.isFinal else { continue }
            ended.append(instance)
        }
        return ended
    }

    @inline(__always)
    mutating func kind(of instance: Instance) -> NovitaiV1.InstanceEventKind? {
        self.isOfAll ? self.kindAmongAll(instance.id, isFinal: instance.state.isFinal) : self.kindAmongSelected(instance)
    }

    private mutating func kindAmongSelected(_ instance: Instance) -> NovitaiV1.InstanceEventKind? {
        if self.isSelected(instance) {
            self.holds[instance.id] = true
            return .changed
        }
        guard self.holds[instance.id] ?? self.mayHoldOthers else { return nil }
        self.holds[instance.id] = instance.state.isFinal ? nil : false
        return .removed
    }

    private mutating func kindAmongAll(_ id: InstanceID, isFinal: Bool) -> NovitaiV1.InstanceEventKind? {
        guard isFinal else {
            if !self.ended.isEmpty { self.ended.remove(id) }
            return .changed
        }
        if self.ended.count >= Self.endedMax { self.ended = [] }
        return self.ended.insert(id).inserted ? .removed : nil
    }

    mutating func handOver() -> Self {
        defer { (self.holds, self.ended) = ([:], []) }
        return self
    }

    private func isSelected(_ instance: Instance) -> Bool {
        !instance.state.isFinal && self.concerns(instance) && self.predicate.matches(instance)
    }

    // MARK: How they travel

    static func bytes(_ instance: Instance) -> Int { InstanceQuery.bytes(instance) }

    func encodedSnapshot(_ instance: Instance) throws -> [UInt8] { try self.encoder.snapshot(instance) }

    func encoded(_ instance: Instance, at revision: Revision, changeCount: Int, as kind: NovitaiV1.InstanceEventKind) throws -> [UInt8] {
        try self.encoder.encoded(instance, at: revision, changeCount: changeCount, as: kind)
    }

    static func response(_ events: [[UInt8]], token: NovitaiV1.ResumeToken?, isSnapshotComplete: Bool) -> Response {
        var rest = NovitaiV1.WatchInstancesResponse()
        rest.resumeToken = token
        rest.snapshotComplete = isSnapshotComplete
        return Response(events.map { $0[...] }, and: rest)
    }
}
