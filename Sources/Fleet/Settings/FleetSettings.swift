/// What an operator decides about the fleet. Validated by who reads the configuration; see the environment table in the documentation.
package struct FleetSettings: Sendable, Hashable {
    /// `MAX_INSTANCES`, `MAX_HOURLY_SPEND`: over everything not yet proven gone.
    package var ceilings: Ceilings
    /// `BRAKE_MAX_PER_MINUTE`, `BRAKE_MAX_FLEET_PERCENT`: over what is stopped and deleted without a call that asks for it.
    package var brake: Brake
    /// `INSTANCE_POLL_INTERVAL`: between two sweeps over the account.
    package var pollInterval: Duration
    /// `MAX_CONCURRENT_JOBS`: steps that run at one time.
    package var maxConcurrentJobs: Int
    /// `REQUEST_TIMEOUT`: one call to the provider.
    package var requestTimeout: Duration
    /// `SETTLE_WINDOW`: how long after its last byte a create may still bring a machine about.
    package var settleWindow: Duration
    /// `INSTANCE_STARTUP_TIMEOUT`: from accepted to running.
    package var startupTimeout: Duration
    /// `HEALTH_CHECK_*`: how the programs inside machines are asked whether they are ready.
    package var probing: ProbeSettings
    /// `AUTO_STOP_ENABLED`, `AUTO_STOP_IDLE_MINUTES`: of instances that say nothing about it; nil is never.
    package var idleStop: Duration?
    /// `AUTO_STOP_PERCENT`: of instances that say nothing about it, from where a machine is busy; nil: the provider's metrics do not matter.
    package var idlePercent: Int?
    /// `MIGRATION_ENABLED`: of instances that say nothing about it; nil: nothing is recovered by itself.
    package var spotRecovery: SpotRecovery?
    /// `MIGRATION_DRY_RUN`: what would be recovered is only said.
    package var isRecoveryDryRun: Bool
    /// `UPSTREAM_REQUESTS_PER_MINUTE`: calls that the provider takes.
    package var upstreamRequestsPerMinute: Int
    /// `DEFAULT_REGION`: where to look when a spec names no region; nil is anywhere.
    package var defaultRegion: String?
    /// `REVISION_RETENTION`: how long the log is kept, at least.
    package var revisionRetention: Duration
    /// `SHUTDOWN_GRACE`: how long running steps may take to end.
    package var shutdownGrace: Duration

    package init(
        ceilings: Ceilings = Ceilings(maxInstances: 100, maxHourlySpend: .dollars(100)), brake: Brake = Brake(),
        pollInterval: Duration = .seconds(30),
        maxConcurrentJobs: Int = 10, requestTimeout: Duration = .seconds(30), settleWindow: Duration = .seconds(600),
        startupTimeout: Duration = .seconds(1200), probing: ProbeSettings = ProbeSettings(), idleStop: Duration? = nil,
        idlePercent: Int? = nil, spotRecovery: SpotRecovery? = .migrate, isRecoveryDryRun: Bool = false,
        upstreamRequestsPerMinute: Int = 100,
        defaultRegion: String? = nil,
        revisionRetention: Duration = .seconds(86400), shutdownGrace: Duration = .seconds(30)
    ) {
        self.ceilings = ceilings
        self.brake = brake
        self.pollInterval = pollInterval
        self.maxConcurrentJobs = maxConcurrentJobs
        self.requestTimeout = requestTimeout
        self.settleWindow = settleWindow
        self.startupTimeout = startupTimeout
        self.probing = probing
        self.idleStop = idleStop
        self.idlePercent = idlePercent
        self.spotRecovery = spotRecovery
        self.isRecoveryDryRun = isRecoveryDryRun
        self.upstreamRequestsPerMinute = upstreamRequestsPerMinute
        self.defaultRegion = defaultRegion
        self.revisionRetention = revisionRetention
        self.shutdownGrace = shutdownGrace
    }
}
