import CurlClient
import Fleet
import Logging
import NovitaCloud
import RPCTransport
import Settings
import Telemetry

// From validated settings to what each part wants to know.

extension FleetSettings {
    init(_ settings: ServerSettings) {
        self.init(
            ceilings: Ceilings(
                maxInstances: settings.maxInstances, maxHourlySpend: MicroUSD(micros: settings.maxHourlySpend.micros)),
            brake: Brake(maxPerMinute: settings.brakePerMinute, maxFleetPercent: settings.brakeFleetPercent),
            pollInterval: settings.pollInterval, maxConcurrentJobs: settings.maxConcurrentJobs, requestTimeout: settings.requestTimeout,
            settleWindow: settings.settleWindow, startupTimeout: settings.startupTimeout,
            probing: ProbeSettings(
                timeout: settings.probeTimeout, attempts: settings.probeAttempts, delay: settings.probeDelay, maxWait: settings.probeMaxWait
            ),
            idleStop: settings.idleStop, idlePercent: settings.idlePercent, spotRecovery: settings.recoversSpot ? .migrate : nil,
            isRecoveryDryRun: settings.isRecoveryDryRun, upstreamRequestsPerMinute: settings.upstreamRequestsPerMinute,
            defaultRegion: settings.defaultRegion,
            revisionRetention: settings.revisionRetention, shutdownGrace: settings.shutdownGrace)
    }
}

extension NovitaCloudConfiguration {
    init(_ settings: ServerSettings) {
        self.init(origin: settings.apiBaseURL.description, apiKey: APIKey(settings.apiKey?.reveal() ?? Self.simulatorKey))
        self.requestTimeout = settings.requestTimeout
        self.retriesMax = settings.maxRetryAttempts
        self.requestsPerMinute = settings.upstreamRequestsPerMinute
        self.cacheTimeout = settings.cacheTimeout
    }

    /// A provider on loopback asks for some key; without one of the user's this is it.
    private static let simulatorKey = "sk_none"
}

/// What others name may be anywhere on the internet; on this machine only when the provider is simulated on it.
extension ServerSettings {
    var webhookExceptions: Set<AddressRules.Exception> { self.apiBaseURL.isLoopback ? [.loopback] : [] }

    var probeExceptions: Set<AddressRules.Exception> {
        self.probesPrivateAddresses ? self.webhookExceptions.union([.privateNetworks]) : self.webhookExceptions
    }
}

extension RPCAddress {
    init(_ address: ListenAddress) {
        switch address {
        case .tcp(let host, let port): self = .host(host, port: port)
        case .unix(let path): self = .unix(path: path)
        }
    }
}

extension Logger.Level {
    init(_ level: LogSettings.Level) {
        switch level {
        case .error: self = .error
        case .warning: self = .warning
        case .info: self = .info
        case .debug: self = .debug
        case .trace: self = .trace
        }
    }
}

extension LogFormat {
    init(_ format: LogSettings.Format) {
        switch format {
        case .json: self = .json
        case .text: self = .text
        }
    }
}
