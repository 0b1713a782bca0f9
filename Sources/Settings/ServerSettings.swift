/// The validated configuration of `novitaid`.
package struct ServerSettings: Sendable {
    package let apiKey: Secret?
    package let apiBaseURL: Origin
    package let requestTimeout: Duration
    package let maxRetryAttempts: Int
    package let upstreamRequestsPerMinute: Int
    package let cacheTimeout: Duration
    package let settleWindow: Duration
    package let databasePath: String
    /// One key in base64 or several; nil: those of a file beside the database.
    package let secretsKeys: Secret?
    package let revisionRetention: Duration
    package let listen: ListenAddress
    /// nil: connections are not encrypted.
    package let tls: TLSSettings?
    package let authTokensFile: String?
    package let rateLimitPerSecond: Int
    package let rateLimitBurst: Int
    package let shutdownGrace: Duration
    /// Nil: as long as its client wants.
    package let maxConnectionAge: Duration?
    package let maxConnectionIdle: Duration?
    /// nil: as many as suit the machine.
    package let eventLoops: Int?
    package let maxInstances: Int
    package let maxHourlySpend: Dollars
    package let pollInterval: Duration
    package let maxConcurrentJobs: Int
    package let defaultRegion: String?
    package let startupTimeout: Duration
    package let probeTimeout: Duration
    package let probeAttempts: Int
    package let probeDelay: Duration
    package let probeMaxWait: Duration
    package let probesPrivateAddresses: Bool
    /// Nil: idle instances are not stopped unless they say so.
    package let idleStop: Duration?
    package let idlePercent: Int?
    package let recoversSpot: Bool
    package let isRecoveryDryRun: Bool
    package let webhookTargets: [WebhookTargetSetting]
    /// Several with commas between them; nil: deliveries are not signed.
    package let webhookSecrets: Secret?
    package let webhookTimeout: Duration
    package let brakePerMinute: Int
    package let brakeFleetPercent: Int
    /// Nil: nothing is traced.
    package let traces: TraceSettings?
    package let log: LogSettings
    /// Every setting as it is in force, in the order of the documentation.
    package let effective: [EffectiveSetting]

    /// - Throws: everything that is wrong, at once.
    package init(_ sources: SettingsSources, readFile: @escaping SettingsReader.FileReader) throws(SettingsError) {
        var reader = SettingsReader(sources, readFile: readFile)
        self.init(reading: &reader)
        self.checkUpstream(&reader)
        self.checkIdentity(&reader)
        reader.reportUnknownNames()
        guard reader.violations.isEmpty else { throw SettingsError(reader.violations) }
    }

    /// What tells where the server is found: what only serving needs, its key for the provider above all, may be missing.
    package init(findingServer sources: SettingsSources, readFile: @escaping SettingsReader.FileReader) throws(SettingsError) {
        var reader = SettingsReader(sources, readFile: readFile)
        self.init(reading: &reader)
        reader.reportUnknownNames()
        guard reader.violations.isEmpty else { throw SettingsError(reader.violations) }
    }

    /// All options without any value given, for `--help`.
    package static var options: [EffectiveSetting] {
        var reader = SettingsReader(SettingsSources(), readFile: { $0 })
        return ServerSettings(reading: &reader).effective
    }

    /// That one setting, for programs that need no other.
    package static func authTokensFile(in sources: SettingsSources) throws(SettingsError) -> String? {
        var reader = SettingsReader(sources, readFile: { $0 })
        let path = reader.read(ServerOptions.authTokensFile)
        guard reader.violations.isEmpty else { throw SettingsError(reader.violations) }
        return path
    }

    private init(reading reader: inout SettingsReader) {
        self.apiKey = reader.read(ServerOptions.apiKey)
        self.apiBaseURL = reader.read(ServerOptions.apiBaseURL)
        let database = reader.read(ServerOptions.database)
        self.secretsKeys = reader.read(ServerOptions.secretsKey)
        self.listen = reader.read(ServerOptions.listen)
        self.tls = TLSSettings(reading: &reader)
        self.authTokensFile = reader.read(ServerOptions.authTokensFile)
        self.maxInstances = reader.read(ServerOptions.maxInstances)
        self.maxHourlySpend = reader.read(ServerOptions.maxHourlySpend)
        self.pollInterval = reader.read(ServerOptions.pollInterval)
        self.maxConcurrentJobs = reader.read(ServerOptions.maxConcurrentJobs)
        self.cacheTimeout = reader.read(ServerOptions.cacheTimeout)
        self.requestTimeout = reader.read(ServerOptions.requestTimeout)
        self.maxRetryAttempts = reader.read(ServerOptions.maxRetryAttempts)
        self.settleWindow = reader.read(ServerOptions.settleWindow)
        self.upstreamRequestsPerMinute = reader.read(ServerOptions.upstreamRequestsPerMinute)
        self.rateLimitPerSecond = reader.read(ServerOptions.rateLimitPerSecond)
        self.rateLimitBurst = reader.read(ServerOptions.rateLimitBurst)
        self.defaultRegion = reader.read(ServerOptions.defaultRegion)
        self.startupTimeout = reader.read(ServerOptions.startupTimeout)
        self.probeTimeout = reader.read(ServerOptions.probeTimeout)
        self.probeAttempts = reader.read(ServerOptions.probeAttempts)
        self.probeDelay = reader.read(ServerOptions.probeDelay)
        self.probeMaxWait = reader.read(ServerOptions.probeMaxWait)
        self.probesPrivateAddresses = reader.read(ServerOptions.probePrivateAddresses)
        let (stopsIdle, idleTime) = (reader.read(ServerOptions.autoStop), reader.read(ServerOptions.autoStopIdle))
        self.idleStop = stopsIdle ? idleTime : nil
        let percent = reader.read(ServerOptions.autoStopPercent)
        self.idlePercent = percent == 0 ? nil : percent
        self.recoversSpot = reader.read(ServerOptions.migration)
        self.isRecoveryDryRun = reader.read(ServerOptions.migrationDryRun)
        self.webhookTargets = reader.read(ServerOptions.webhookURL)
        self.webhookSecrets = reader.read(ServerOptions.webhookSecret)
        self.webhookTimeout = reader.read(ServerOptions.webhookTimeout)
        self.brakePerMinute = reader.read(ServerOptions.brakePerMinute)
        self.brakeFleetPercent = reader.read(ServerOptions.brakePercent)
        self.revisionRetention = reader.read(ServerOptions.revisionRetention)
        self.shutdownGrace = reader.read(ServerOptions.shutdownGrace)
        self.maxConnectionAge = reader.read(ServerOptions.maxConnectionAge)
        self.maxConnectionIdle = reader.read(ServerOptions.maxConnectionIdle)
        self.eventLoops = reader.read(ServerOptions.eventLoops)
        self.traces = TraceSettings(reading: &reader)
        self.log = LogSettings(reading: &reader)
        self.effective = reader.effective
        if case .sqlite(let path) = database {
            self.databasePath = path
        } else {
            self.databasePath = ""
            reader.report("DATABASE_URL", "must be sqlite:PATH: this version has no PostgreSQL store")
        }
        if self.probeMaxWait < self.probeTimeout {
            reader.report("HEALTH_CHECK_MAX_WAIT_TIME_MS", "must not be less than HEALTH_CHECK_TIMEOUT_MS")
        }
    }

    private func checkUpstream(_ reader: inout SettingsReader) {
        guard !self.apiBaseURL.isLoopback else { return }
        if !self.apiBaseURL.isSecure {
            reader.report("NOVITA_API_BASE_URL", "must be https beyond loopback: the API key goes with every request")
        }
        if !reader.isSet("NOVITA_API_KEY") {
            reader.report("NOVITA_API_KEY", "is required, because the upstream \(self.apiBaseURL) is not on loopback")
        }
    }

    private func checkIdentity(_ reader: inout SettingsReader) {
        if self.tls?.clientAuthorities != nil, self.authTokensFile == nil {
            reader.report("TLS_CLIENT_CA_FILE", "needs AUTH_TOKENS_FILE, which says who the holders of certificates are")
        }
        if !self.listen.isLoopback, self.authTokensFile == nil {
            reader.report(
                "RPC_LISTEN", "must be on loopback, because nobody is identified: set AUTH_TOKENS_FILE to listen on \(self.listen)")
        }
    }
}
