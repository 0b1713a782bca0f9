package import Fleet

/// Where the database is and how it is kept.
package struct SQLiteOptions: Sendable {
    /// Seals what must not be read from the file. nil only where nothing is secret: in simulations.
    package var sealer: (any Sealer)?
    /// Writes down the keys that nobody has but this process. Called when the database is ours and opens with the keys at hand, before
    /// anything that they have sealed is committed.
    package var keepKeys: @Sendable () throws -> Void

    /// A file system path; relative ones count from the working directory.
    package var path: String
    /// False only where a crash is simulated inside one process: nothing is then forced to the disk.
    package var isDurable: Bool
    package var limits: SQLiteLimits

    package init(
        path: String, isDurable: Bool = true, limits: SQLiteLimits = SQLiteLimits(), sealer: (any Sealer)? = nil,
        keepKeys: @escaping @Sendable () throws -> Void = {}
    ) {
        self.sealer = sealer
        self.keepKeys = keepKeys
        self.path = path
        self.isDurable = isDurable
        self.limits = limits
    }

    /// The newest generation of the schema that this release opens, and the one that it writes.
    package static let schemaGeneration = Schema.generation

    /// Reads `sqlite:PATH`, the form of `DATABASE_URL`; nil for any other text.
    package static func path(inURL text: String) -> String? {
        let scheme = "sqlite:"
        guard text.hasPrefix(scheme), text.utf8.count > scheme.utf8.count, !text.utf8.contains(0) else { return nil }
        return String(text.dropFirst(scheme.count))
    }
}

/// Bounds of the store. Each protects memory, the disk or the latency of other callers.
package struct SQLiteLimits: Sendable {
    /// Operations that share one transaction and so one fsync. A larger group hardly costs less per operation, but makes everybody
    /// in it wait.
    package var groupOperationsMax = 128
    /// Payload bytes of one group. Keeps the transaction in SQLite's page cache; a single larger operation goes alone.
    package var groupBytesMax = 1 << 20
    /// Operations that wait for the store's thread; beyond it callers are refused at once instead of waiting for seconds.
    package var queuedOperationsMax = 4096
    /// Payload bytes that wait, which bounds the memory of a stalled disk.
    package var queuedBytesMax = 32 << 20
    /// Bytes written to the write-ahead log after which it is written back even when the store is busy. Commits wait meanwhile, for a few
    /// milliseconds: with more at a time each wait would be longer, with less there would be more of them.
    package var logBytesMax = 3 << 20
    /// Size of the log's file above which it is cut when it is written back, which takes as long again: it bounds the disk's use and the time to
    /// open after a crash. Below it the file is overwritten.
    package var walBytesMax = 16 << 20
    /// SQLite's page cache.
    package var cacheBytes = 16 << 20
    /// Log entries dropped in one transaction, a few milliseconds of work.
    package var trimBatch = 1000
    /// Work after which the database gets a fresh mark, in the next quiet moment: a backup that is older is known when it is put back.
    package var markAgeMax: Duration = .seconds(300)
    /// Quiet time after which the write-ahead log is written back. Shorter would double the fsyncs of a steady trickle of commits.
    package var idleBeforeCheckpoint: Duration = .seconds(1)

    /// Database pages (4 KiB each) that a backup copies at a time, a millisecond or two of work: commits wait for that and not for more.
    package var backupPagesPerStep = 256
    /// Between two of those steps the store waits so long for commits: a backup takes about half of the thread and of the disk.
    package var backupPause: Duration = .milliseconds(1)
    /// A copy begins anew when a transaction is rolled back as a whole, and a disk may stall: not for ever.
    package var backupDurationMax: Duration = .seconds(600)

    package init() {}
}
