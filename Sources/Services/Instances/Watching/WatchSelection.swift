internal import Fleet
internal import NovitaiProto

/// Which changes one watcher is told of, and as what. Knows what the watcher has been told, so that an instance which never fitted is not
/// taken away from it.
struct WatchSelection {
    private let tenant: TenantID
    /// Empty: all of the tenant's.
    private let ids: Set<InstanceID>
    private let predicate: Predicate<Instance>
    /// Whether the watcher holds an instance that is not in `holds`: unknown after a resumption, and then taken for yes.
    private let mayHoldOthers: Bool
    /// Bounded by the instances that live while the watch does: ended ones are dropped.
    private var holds: [InstanceID: Bool] = [:]

    init(tenant: TenantID, ids: Set<InstanceID>, predicate: Predicate<Instance>, isResumed: Bool) {
        self.tenant = tenant
        self.ids = ids
        self.predicate = predicate
        self.mayHoldOthers = isResumed
    }

    /// Whether the event can concern the watcher at all.
    func concerns(_ event: Event) -> Bool {
        guard case .instance(let instance) = event.object else { return false }
        return instance.tenant == self.tenant && (self.ids.isEmpty || self.ids.contains(instance.id))
    }

    /// The instances that were asked for by id and do not live: who waits for one of them has to learn that it is over.
    func named(besides living: [Instance]) -> [InstanceID] {
        self.ids.subtracting(living.map(\.id)).sorted()
    }

    /// Whether one that is over may be shown to the watcher.
    func mayShow(ended instance: Instance) -> Bool {
        instance.tenant == self.tenant && instance.state.isFinal
    }

    /// The snapshot's part of what lives.
    mutating func snapshot(of living: [Instance]) -> [Instance] {
        let selected = living.filter { self.isSelected($0) }
        for instance in selected { self.holds[instance.id] = true }
        return selected
    }

    /// Nil when the watcher need not hear of it.
    mutating func kind(of instance: Instance) -> NovitaiV1.InstanceEventKind? {
        if self.isSelected(instance) {
            self.holds[instance.id] = true
            return .changed
        }
        guard self.holds[instance.id] ?? self.mayHoldOthers else { return nil }
        self.holds[instance.id] = instance.state.isFinal ? nil : false
        return .removed
    }

    private func isSelected(_ instance: Instance) -> Bool {
        instance.tenant == self.tenant && !instance.state.isFinal && (self.ids.isEmpty || self.ids.contains(instance.id))
            && self.predicate.matches(instance)
    }
}
