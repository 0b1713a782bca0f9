package import Fleet

/// Limits of the engine that are no operator's business.
package enum EngineLimits {
    /// A worker that has not renewed its lease for so long is taken for dead. Longer than any pause of a living process, shorter
    /// than what a caller minds to wait after a crash.
    package static let leaseDuration: Duration = .seconds(20)
    /// A lease outlives one renewal that fails, and ends between the second and the third: after two missed beats the job runs elsewhere.
    package static let heartbeatInterval: Duration = .seconds(8)
    /// Decisions taken anew because the instance changed in between.
    package static let conflictsMax = 8
    /// Repeats of a commit that the store could not take, one `storeRetryDelay` apart; then the lease runs out and the step is
    /// taken again from what the row says.
    package static let storeRetriesMax = 5
    package static let storeRetryDelay: Duration = .seconds(1)
    /// The store says that a job is due but does not give it: somebody else is at it. Asked again no sooner.
    package static let leaseRetryDelay: Duration = .seconds(1)
    /// A sweep's listing may take so long, all its pages together; each page is a request of its own with `REQUEST_TIMEOUT`. Enough for
    /// 10,000 machines in pages of 100 that take 3 s each.
    static let listingTimeout: Duration = .seconds(300)
    /// A job's listing, for which a worker waits, has `REQUEST_TIMEOUT` and this for every machine of the last one, up to
    /// `listingTimeout` in all.
    static let listingTimePerMachine: Duration = .milliseconds(100)
    /// Direct reads that one sweep makes to settle differences, and as many again while the pages of a long listing come; the rest waits for
    /// the next sweep.
    package static let questionsPerSweepMax = 25
    /// Pages of a listing that wait to be looked into before it is whole; what comes beyond is looked into with the whole.
    static let pagesWaitingMax = 64
    /// Sweeps in a row that may lack most of what is known before absence is looked into all the same.
    package static let suspiciousSweepsMax = 10
    /// Between two looks at what policies have to do: their times are minutes.
    package static let policyInterval: Duration = .seconds(10)
    /// How often it is written down that the server is still there. What is not known of the end of one that was killed counts as time
    /// without a server.
    package static let serviceInterval: Duration = .seconds(60)
    /// Instances whose policies are written down at a time: enough for a group commit.
    package static let policyWritesAtOnceMax = 64
    /// Between two readings of the provider's jobs for machines that hang while they are moved, one for all of them: a twentieth of the
    /// smallest call budget.
    static let stuckMigrationInterval: Duration = .seconds(120)
    /// Direct reads of such machines, whose moves have failed, that follow one reading; the others wait for the next.
    static let stuckMigrationsAtOnceMax = 25
    /// Between two looks for ports that are to be asked.
    static let probeScanInterval: Duration = .seconds(1)
    /// The same while nothing changes and nothing is due.
    static let probeIdleInterval: Duration = .seconds(60)
    /// Ports that are asked at a time; the others wait for their turn.
    package static let probesAtOnceMax = 64
    /// Between two rounds of a port that is healthy: soon enough to notice a program that has died.
    package static let healthyProbeInterval: Duration = .seconds(30)
    /// Changes that are read from the log at a time for webhooks.
    static let webhookEventsAtOnceMax = 256
    /// Revisions without anything to tell that are read again after a restart: reading them takes milliseconds.
    static let webhookRevisionsReadAgainMax: Int64 = 2048
    /// Deliveries that are under way to one target at a time, or wait for their outcome to be written: a slow receiver keeps its own waiting,
    /// and nobody else's.
    package static let webhooksAtOnceMax = 4
    /// On their way to one target; what comes beyond is left alone at once, and can be redelivered. A receiver that has been away for a day
    /// must not fill the disk: about 1.5 KiB each.
    static let webhooksPendingMax = 20_000
    /// Deliveries that are kept to look at, beside those on their way.
    static let webhooksKeptMax = 100_000
    /// Between two looks at the log while nothing seems to change.
    static let webhookIdleInterval: Duration = .seconds(60)
    /// How long a delivery that has ended can be looked up and redelivered.
    static let webhookRetention: Duration = .seconds(7 * 86_400)
    /// Two direct reads that prove a machine gone are at least so far apart, whoever asks for the sweeps.
    package static let absenceSpacing: Duration = .seconds(10)
    /// Between two readings of the account's balance; and after one that failed, or when something has been refused for it since.
    static let balanceInterval: Duration = .seconds(3600)
    static let balanceRetryInterval: Duration = .seconds(60)
    /// Between two trims of the log, and until it is tried again while the clock is in doubt.
    package static let trimInterval: Duration = .seconds(600)
    static let trimRetryInterval: Duration = .seconds(60)
    /// Ended jobs: a month of them, or the newest hundred thousand, and none before its request id may be forgotten.
    package static let jobRetention = JobRetention(age: .seconds(30 * 86_400), count: 100_000, ageMin: .seconds(7 * 86_400))
    /// Instances that have ended can be looked up so long after their last change: longer than their jobs, and than a month's bill is argued about.
    /// What they have cost stays in the audit log.
    package static let instanceRetention: Duration = .seconds(90 * 86_400)
    /// How long, and how many, audit entries are kept: more than a year, for whoever asks about the year before.
    package static let auditRetention: Duration = .seconds(400 * 86_400)
    package static let auditEntriesKept = 1_000_000
    /// Revisions that are kept whatever their age.
    package static let revisionsKept = 100_000
}
