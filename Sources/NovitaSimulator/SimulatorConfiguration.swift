/// How long a machine stays in each status.
package struct Timings: Sendable {
    package var toCreate: Duration = .seconds(1)
    package var creating: Duration = .seconds(5)
    /// Depends on the image: the same image always takes as long, on a node that does not have it yet.
    package var pulling: ClosedRange<Duration> = .seconds(20) ... .seconds(120)
    package var toStop: Duration = .seconds(1)
    package var stopping: ClosedRange<Duration> = .seconds(5) ... .seconds(15)
    package var toStart: Duration = .seconds(1)
    package var starting: Duration = .seconds(10)
    /// At a later start, when the node has the image.
    package var pullingCached: Duration = .seconds(2)
    /// Of an image that the cluster's nodes have ahead.
    package var pullingPrewarmed: Duration = .seconds(3)
    package var toReset: Duration = .seconds(1)
    package var resetting: Duration = .seconds(8)
    package var jobPreparing: Duration = .seconds(5)
    package var savingImage: Duration = .seconds(90)
    package var migrating: Duration = .seconds(120)
    package var networkCreating: Duration = .seconds(3)
    package var prewarmPending: Duration = .seconds(5)
    package var prewarming: Duration = .seconds(60)
    /// A new template is missing in the list so long.
    package var templateListLag: Duration = .seconds(5)
    package var toRestart: Duration = .seconds(1)
    package var restarting: Duration = .seconds(8)
    package var toRemove: Duration = .seconds(1)
    package var removing: Duration = .seconds(3)
    /// For a monthly machine at its end.
    package var freezing: Duration = .seconds(60)
    /// A removed machine can still be read so long.
    package var removedRetention: Duration = .seconds(60)
    /// From the notice of a reclaim to the reclaim; also the least time a spot machine runs before a noticed reclaim.
    package var spotNotice: Duration = .seconds(3600)

    package init() {}
}

package struct SimulatorConfiguration: Sendable {
    package var catalogue = Catalogue.standard
    package var timings = Timings()
    /// Page size when the caller names none.
    package var pageSizeDefault = 10
    /// A larger page is cut to this without a word.
    package var pageSizeMax = 100
    /// The first page is 0 rather than 1.
    package var hasZeroBasedPages = false
    /// Status of the answer for an unknown instance: 400 or 404; both are seen in the world.
    package var notFoundStatus = 400
    /// A machine that was moved starts by itself; otherwise it stays stopped.
    package var migratedMachinesStart = true
    /// Machines one account may have.
    package var instancesMax = 20_000
    /// Micro-USD on the account at the start.
    package var initialBalance: Int64 = 100_000_000_000
    /// Machines of somebody else that run already at the start.
    package var initialInstances = 0

    package init() {}
}
