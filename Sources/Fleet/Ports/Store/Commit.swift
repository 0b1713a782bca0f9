/// One transaction: all of it or nothing.
package struct Commit: Sendable {
    /// What happens to a written job's lease.
    package struct JobWrite: Hashable, Sendable {
        package var job: Job
        /// False: nothing that users see changed (due time, lease, counters): the row is written whole, but the job keeps its revision
        /// and there is no event.
        package var isVisible: Bool
        /// True: the worker goes on with the job under the same lease; false: the lease ends with this commit.
        package var keepsLease: Bool

        package init(_ job: Job, isVisible: Bool = true, keepsLease: Bool = false) {
            self.job = job
            self.isVisible = isVisible
            self.keepsLease = keepsLease
        }
    }

    package var guards: [Guard]
    /// Inserted or replaced; each gets the next revision.
    package var instances: [Instance]
    package var jobs: [JobWrite]
    package var request: RequestRecord?
    /// Environments of instances inserted here, and those that wait for their machines. The latter are dropped with the end of the job.
    package var environments: [InstanceID: InstanceEnvironment]
    /// Instances whose machines have now the environment that waited for them under this job.
    package var arrivedEnvironments: [InstanceID: JobID] = [:]
    /// Nil: stays as it is.
    package var control: FleetControl?
    package var audit: [AuditEntry]

    package init(
        guards: [Guard] = [], instances: [Instance] = [], jobs: [JobWrite] = [], request: RequestRecord? = nil,
        environments: [InstanceID: InstanceEnvironment] = [:], control: FleetControl? = nil, audit: [AuditEntry] = []
    ) {
        self.guards = guards
        self.instances = instances
        self.jobs = jobs
        self.request = request
        self.environments = environments
        self.control = control
        self.audit = audit
    }
}

/// What a commit did: the objects as stored, with their revisions.
package struct Committed: Sendable, Hashable {
    /// The newest revision after the commit.
    package var revision: Revision
    package var events: [Event]

    package init(revision: Revision, events: [Event]) {
        self.revision = revision
        self.events = events
    }
}
