import Fleet
import Logging
import OTLPProto
import RPCCore
import RPCTransport
import Services
import Settings
import Telemetry
import TraceExport
import Traces

/// What traces this server; it is not there when nothing is to be traced.
struct Tracing {
    let tracer: Tracer
    private let exporter: TraceExporter
    /// To the collector.
    let channel: HTTP2Channel
    private let settings: TraceSettings

    init(_ settings: TraceSettings, clock: SystemClock, random: RandomSource, log: Logger, metrics: MetricsRegistry) throws(SettingsError) {
        var random = random
        let queue = SpanQueue(limit: settings.queueMax, batchSize: settings.batchMax)
        let channel = HTTP2Channel(configuration: try HTTP2ChannelConfiguration(settings))
        let client = OpentelemetryProtoCollectorTraceV1.TraceServiceClient(channel)
        let metadata = Metadata(settings.headers)
        self.settings = settings
        self.channel = channel
        self.exporter = TraceExporter(
            queue: queue,
            resource: TraceResource(
                serviceName: settings.serviceName, serviceVersion: ServerFacts.version, serviceInstance: String(random.next(), radix: 36)),
            delay: settings.delay, timeout: settings.timeout, exportTime: settings.exportTime, clock: clock, random: random, log: log
        ) { request, timeout in
            do throws(RPCError) {
                return .success(try await client.export(request, options: CallOptions(timeout: timeout, metadata: metadata)))
            } catch {
                return .failure(error)
            }
        }
        self.tracer = Tracer(
            sampler: Sampler(settings), using: &random, now: { clock.now.microseconds }, keep: { queue.append($0) })
        metrics.register(self.exporter.metrics)
    }

    /// For the calls that are answered.
    func callTracer(_ address: ListenAddress) -> CallTracer {
        switch address {
        case .tcp(let host, let port): CallTracer(self.tracer, address: host, port: port)
        case .unix(let path): CallTracer(self.tracer, address: path, port: nil)
        }
    }

    /// Exports while `body` runs, and at its end what is left.
    nonisolated(nonsending) static func run(_ tracing: Tracing?, during body: nonisolated(nonsending) () async throws -> Void) async throws
    {
        guard let tracing else { return try await body() }
        try await tracing.exporter.exporting(during: body)
        await tracing.channel.shutDown()
    }
}

extension Sampler {
    fileprivate init(_ settings: TraceSettings) {
        switch settings.sampler {
        case .alwaysOn: self.init(roots: .all, followsParent: false)
        case .alwaysOff: self.init(roots: .none, followsParent: false)
        case .share: self.init(roots: .share(settings.share), followsParent: false)
        case .parentOrOn: self.init(roots: .all, followsParent: true)
        case .parentOrOff: self.init(roots: .none, followsParent: true)
        case .parentOrShare: self.init(roots: .share(settings.share), followsParent: true)
        }
    }
}

extension HTTP2ChannelConfiguration {
    fileprivate init(_ settings: TraceSettings) throws(SettingsError) {
        self.init(address: .host(settings.host, port: settings.port))
        guard settings.isSecure else { return }
        do throws(TLSFileError) {
            self.tls = try ClientTLS(TLSFiles(authorities: settings.authoritiesFile))
        } catch {
            throw SettingsError([
                SettingsViolation("OTEL_EXPORTER_OTLP_CERTIFICATE", "\(settings.authoritiesFile ?? "") \(error.reason)")
            ])
        }
    }
}

extension Metadata {
    /// Names and values have been judged with the settings.
    fileprivate init(_ headers: TraceHeaders) {
        self.init()
        for field in headers.fields { try? self.append(field.value, for: field.name) }
    }
}
