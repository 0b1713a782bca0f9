package import Fleet

/// Everything that the port shows of a small store: two equal ones mean that nothing was changed in between.
package struct StoreState: Hashable {
    private var snapshot: Snapshot
    private var events: [Event]
    private var instances: [Instance]
    private var jobs: [Job]
    private var environments: [InstanceEnvironment]

    package init(of store: any Store) async throws {
        let all = HistoryQuery(tenant: nil, limit: 1000)
        self.snapshot = try await store.attach(RecordingFollower())
        self.events = try await store.events(after: .zero, limit: 1000)
        self.instances = try await store.instances(all)
        self.jobs = try await store.jobs(all)
        self.environments = []
        for instance in self.instances {
            self.environments.append(try await store.environment(of: instance.id))
        }
    }
}
