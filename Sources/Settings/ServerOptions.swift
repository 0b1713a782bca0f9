/// Everything that can be set about `novitaid`. Ranges are those of the documented environment; where that names none, the bound only
/// keeps out typing errors.
enum ServerOptions {
    // The provider.
    static let apiKey = Option(
        "NOVITA_API_KEY", Form<Secret>.headerSecret.optional, default: nil, isSecret: true,
        "the provider's API key; required unless the upstream is on loopback")
    static let apiBaseURL = Option("NOVITA_API_BASE_URL", .origin, default: novita, "the provider's origin")
    static let requestTimeout = Option(
        "REQUEST_TIMEOUT", .duration(1000...120_000, in: .milliseconds), default: .seconds(30), "one request to the provider")
    static let maxRetryAttempts = Option(
        "MAX_RETRY_ATTEMPTS", .integer(1...10), default: 3, "repeats of one request that may be repeated; a create never is")
    static let upstreamRequestsPerMinute = Option(
        "UPSTREAM_REQUESTS_PER_MINUTE", .integer(10...10_000), default: 100, "requests that the provider is asked at most")
    static let cacheTimeout = Option(
        "CACHE_TIMEOUT", .duration(0...3600, in: .seconds), default: .seconds(300), "how long the provider's catalogue is kept")
    static let settleWindow = Option(
        "SETTLE_WINDOW", .duration(60...3600, in: .seconds), default: .seconds(600),
        "how long after its last byte a create may still bring a machine about")

    // State.
    static let database = Option("DATABASE_URL", .database, default: .sqlite(path: ".novitai/novitai.db"), "the database")
    static let secretsKey = Option(
        "SECRETS_KEY", Form<Secret>.keys32.optional, default: nil, isSecret: true,
        "the key that seals secrets in the database, and older ones behind it; without it a file beside the database, made at first start")
    static let revisionRetention = Option(
        "REVISION_RETENTION", .duration(1...31_536_000, in: .seconds), default: .seconds(86_400),
        "how long the log of changes is kept for watchers, and at least 100000 changes")

    // Callers.
    static let listen = Option("RPC_LISTEN", .listenAddress, default: .tcp(host: "127.0.0.1", port: 50051), "where gRPC is served")
    static let tlsCertificateFile = Option(
        "TLS_CERT_FILE", Form<String>.path.optional, default: nil,
        "the server's certificate and those between it and the root, PEM; read again on SIGHUP")
    static let tlsKeyFile = Option(
        "TLS_KEY_FILE", Form<String>.path.optional, default: nil, "the certificate's key, PEM; of mode 0640 or less")
    static let tlsClientCAFile = Option(
        "TLS_CLIENT_CA_FILE", Form<String>.path.optional, default: nil,
        "who may sign clients' certificates, PEM; AUTH_TOKENS_FILE says who their holders are")
    static let authTokensFile = Option(
        "AUTH_TOKENS_FILE", Form<String>.path.optional, default: nil, "principals and the hashes of their tokens")
    static let rateLimitPerSecond = Option(
        "RATE_LIMIT_PER_SECOND", .integer(1...10_000_000), default: 1000, "calls of one principal, in the long run")
    static let rateLimitBurst = Option("RATE_LIMIT_BURST", .integer(1...10_000_000), default: 2000, "calls of one principal at once")
    static let shutdownGrace = Option(
        "SHUTDOWN_GRACE", .duration(0...3600, in: .seconds), default: .seconds(30), "how long running calls may take to end")
    static let maxConnectionAge = Option(
        "MAX_CONNECTION_AGE", Form<Duration>.duration(10...31_536_000, in: .seconds).optional, default: nil,
        "when a connection is sent away, so that a balancer can spread its clients anew; calls on it have SHUTDOWN_GRACE to end")
    static let maxConnectionIdle = Option(
        "MAX_CONNECTION_IDLE", Form<Duration>.duration(10...31_536_000, in: .seconds).optional, default: nil,
        "when a connection without a call is sent away; a watch is a call")

    static let eventLoops = Option(
        "EVENT_LOOPS", Form<Int>.integer(1...64).optional, default: nil,
        "threads that serve connections; without it one for each processor, at most 4")

    // The fleet.
    static let maxInstances = Option("MAX_INSTANCES", .integer(0...1_000_000), default: 100, "machines not yet proven gone")
    static let maxHourlySpend = Option(
        "MAX_HOURLY_SPEND", .dollars(upTo: 1_000_000), default: Dollars(micros: 100_000_000),
        "US dollars per hour of the same machines, by quoted price")
    static let pollInterval = Option(
        "INSTANCE_POLL_INTERVAL", .duration(1...300, in: .seconds), default: .seconds(30), "between two looks at the whole account")
    static let maxConcurrentJobs = Option("MAX_CONCURRENT_JOBS", .integer(1...1000), default: 10, "job steps that run at one time")
    static let defaultRegion = Option(
        "DEFAULT_REGION", Form<String>.text("a region code of at most 64 characters") { $0.count <= 64 }.optional, default: nil,
        "where machines stand when a request names no region")
    static let startupTimeout = Option(
        "INSTANCE_STARTUP_TIMEOUT", .duration(1...86_400, in: .seconds), default: .seconds(1200), "from accepted to running")

    // What later features read; the values are held to their rules from the beginning.
    static let probeTimeout = Option(
        "HEALTH_CHECK_TIMEOUT_MS", .duration(100...120_000, in: .milliseconds), default: .seconds(10),
        "one probe of an instance's program")
    static let probeAttempts = Option(
        "HEALTH_CHECK_RETRY_ATTEMPTS", .integer(1...100), default: 3, "probes before giving up")
    static let probeDelay = Option(
        "HEALTH_CHECK_RETRY_DELAY_MS", .duration(0...600_000, in: .milliseconds), default: .seconds(2),
        "between two probes")
    static let probeMaxWait = Option(
        "HEALTH_CHECK_MAX_WAIT_TIME_MS", .duration(1000...3_600_000, in: .milliseconds), default: .seconds(300),
        "all probes together")
    static let probePrivateAddresses = Option(
        "HEALTH_CHECK_PRIVATE_ADDRESSES", .boolean, default: false,
        "probe ports at private addresses too (RFC 1918, RFC 4193), for machines in a network of your own")
    static let autoStop = Option("AUTO_STOP_ENABLED", .boolean, default: false, "stop idle instances")
    static let autoStopIdle = Option(
        "AUTO_STOP_IDLE_MINUTES", .duration(1...10_080, in: .minutes), default: .seconds(1200),
        "how long an instance may be idle")
    static let autoStopPercent = Option(
        "AUTO_STOP_PERCENT", .integer(0...100), default: 0,
        "from how many percent of use, by the provider's metrics, an instance is not idle; 0: these do not matter")
    static let migration = Option(
        "MIGRATION_ENABLED", .boolean, default: true, "recover reclaimed spot machines, and those that the provider could not move")
    static let migrationDryRun = Option("MIGRATION_DRY_RUN", .boolean, default: false, "only say what would be recovered")
    static let webhookURL = Option(
        "WEBHOOK_URL", Form<[WebhookTargetSetting]>.webhookTargets, default: [], isSecret: true,
        "where events are delivered; several targets with blanks between them, each with the types of its events behind a #")
    static let webhookSecret = Option(
        "WEBHOOK_SECRET",
        Form<Secret>.secret("1 to 1024 characters, none empty between commas") { text in
            (1...1024).contains(text.count) && Secret(text).parts.allSatisfy { !$0.reveal().isEmpty }
        }.optional, default: nil,
        isSecret: true, "signs deliveries; while it is replaced the new one, a comma, and the old one")
    static let webhookTimeout = Option(
        "WEBHOOK_TIMEOUT", .duration(1000...120_000, in: .milliseconds), default: .seconds(10), "one delivery")
    static let brakePerMinute = Option(
        "BRAKE_MAX_PER_MINUTE", .integer(1...10_000), default: 20, "automatic stops and deletes per minute")
    static let brakePercent = Option(
        "BRAKE_MAX_FLEET_PERCENT", .integer(1...100), default: 20,
        "automatic stops and deletes in ten minutes, as a share of the fleet")

    private static let novita = Origin(isSecure: true, host: "api.novita.ai", port: nil)
}

/// A receiver of events.
package struct WebhookTargetSetting: Hashable, Sendable {
    package let url: String
    /// Whose events; nil: everybody's.
    package let tenant: String?
    /// Types of events; empty: all.
    package let types: [String]
}

extension Form<[WebhookTargetSetting]> {
    /// Each is tried for every event: more is a message bus.
    static let webhookTargetsMax = 16

    /// `URL#tenant=acme,instance.failed`: what stands behind the # never leaves this program.
    static let webhookTargets = Form(
        rule: "1 to \(webhookTargetsMax) http or https URLs with blanks between them, each with tenant=NAME and types of events behind a #",
        parse: parse, print: { $0.isEmpty ? "" : "(set)" })

    private static func parse(_ text: String) -> [WebhookTargetSetting]? {
        let words = text.split(separator: " ")
        let targets = words.compactMap { self.target($0) }
        return targets.count == words.count && (1...webhookTargetsMax).contains(targets.count) ? targets : nil
    }

    private static func target(_ word: Substring) -> WebhookTargetSetting? {
        let parts = word.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        guard isWebURL(String(parts[0])) else { return nil }
        let terms = parts.count < 2 ? [] : parts[1].split(separator: ",", omittingEmptySubsequences: false)
        let tenants = terms.filter { $0.hasPrefix(tenantPrefix) }.map { $0.dropFirst(tenantPrefix.count) }
        let types = terms.filter { !$0.hasPrefix(tenantPrefix) }.map(String.init)
        guard tenants.count <= 1, tenants.first != "", types.allSatisfy({ webhookTypes.contains($0) }) else { return nil }
        return WebhookTargetSetting(url: String(parts[0]), tenant: tenants.first.map(String.init), types: types)
    }

    private static var tenantPrefix: String { "tenant=" }

    /// Absolute, `http` or `https`.
    private static func isWebURL(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }) else { return false }
        let host = text.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
        return !host.isEmpty && text.unicodeScalars.allSatisfy { $0.isASCII && $0.value > 0x20 && $0.value != 0x7f }
    }
}

extension Origin {
    fileprivate init(isSecure: Bool, host: String, port: Int?) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
    }
}

/// Types of events that a target can be narrowed to.
package let webhookTypes: Set<String> = [
    "instance.pending", "instance.provisioning", "instance.starting", "instance.running", "instance.restarting", "instance.updating",
    "instance.stopping", "instance.stopped", "instance.migrating", "instance.suspended", "instance.deleting", "instance.deleted",
    "instance.failed", "instance.unrecognized", "instance.ready", "instance.unready", "instance.policy_warning", "instance.spot_notice",
    "webhook.test",
]
