package struct Deployment: Sendable, Hashable {
    package var id: DeploymentID
    package var history: HistoryID
    package var createdAt: Timestamp

    package init(id: DeploymentID, history: HistoryID, createdAt: Timestamp) {
        self.id = id
        self.history = history
        self.createdAt = createdAt
    }
}

/// What a server holds in memory: everything that still lives.
package struct Snapshot: Sendable, Hashable {
    package var deployment: Deployment
    package var revision: Revision
    /// The living ones: those with `Instance.isLiving`, which a final one with debts is too.
    package var instances: [Instance]
    /// Unfinished.
    package var jobs: [Job]
    package var control: FleetControl
    package var service: ServiceRecord

    package init(
        deployment: Deployment, revision: Revision, instances: [Instance], jobs: [Job], control: FleetControl = FleetControl(),
        service: ServiceRecord = ServiceRecord()
    ) {
        self.deployment = deployment
        self.revision = revision
        self.instances = instances
        self.jobs = jobs
        self.control = control
        self.service = service
    }
}

/// Is told of every event, in the log's order and without a gap, before the commit that made it returns. Must not block.
package protocol LogFollower: Sendable {
    func committed(_ events: [Event])
    /// The same of what is said about the fleet, before the events of the same commit.
    func controlChanged(to control: FleetControl)
}
