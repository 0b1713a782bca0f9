/// Where spans go, and which. OpenTelemetry's own names and defaults (its "Environment Variable Specification"), but for one: without an
/// endpoint nothing is traced.
package struct TraceSettings: Sendable {
    /// Which traces are kept.
    package enum SamplerName: String, Sendable, CaseIterable {
        case alwaysOn = "always_on"
        case alwaysOff = "always_off"
        case share = "traceidratio"
        case parentOrOn = "parentbased_always_on"
        case parentOrOff = "parentbased_always_off"
        case parentOrShare = "parentbased_traceidratio"
    }

    /// Of OTLP over gRPC, when the endpoint names none.
    private static let defaultPort = 4317

    package let host: String
    package let port: Int
    package let isSecure: Bool
    /// Who may have signed the collector's certificate; nil: the system's authorities.
    package let authoritiesFile: String?
    package let headers: TraceHeaders
    package let timeout: Duration
    package let serviceName: String
    package let sampler: SamplerName
    /// Of traces that begin here.
    package let share: Double
    package let queueMax: Int
    package let batchMax: Int
    package let delay: Duration
    /// Of one batch, with the attempts after failures.
    package let exportTime: Duration

    /// nil without an endpoint.
    init?(reading reader: inout SettingsReader) {
        let endpoint = reader.read(Self.endpointOption)
        let headers = reader.read(Self.headersOption)
        self.authoritiesFile = reader.read(Self.certificateOption)
        self.timeout = reader.read(Self.timeoutOption)
        self.serviceName = reader.read(Self.serviceNameOption)
        self.sampler = reader.read(Self.samplerOption)
        self.share = reader.read(Self.shareOption)
        self.delay = reader.read(Self.delayOption)
        self.exportTime = reader.read(Self.exportTimeOption)
        self.queueMax = reader.read(Self.queueOption)
        self.batchMax = reader.read(Self.batchOption)
        if self.batchMax > self.queueMax {
            reader.report("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "must not be more than OTEL_BSP_MAX_QUEUE_SIZE")
        }
        guard let endpoint else { return nil }
        if headers != nil, !endpoint.isSecure, !endpoint.isLoopback {
            reader.report("OTEL_EXPORTER_OTLP_ENDPOINT", "must be https beyond loopback: OTEL_EXPORTER_OTLP_HEADERS goes with every export")
        }
        self.host = endpoint.host
        self.port = endpoint.port ?? Self.defaultPort
        self.isSecure = endpoint.isSecure
        self.headers = headers.flatMap { TraceHeaders($0.reveal()) } ?? TraceHeaders()
    }
}

// MARK: - Options

extension TraceSettings {
    private static let endpointOption = Option(
        "OTEL_EXPORTER_OTLP_ENDPOINT", Form<Origin>.origin.optional, default: nil,
        "the collector that spans are sent to, by OTLP over gRPC; without it nothing is traced")
    private static let headersOption = Option(
        "OTEL_EXPORTER_OTLP_HEADERS", Form<Secret>.traceHeaders.optional, default: nil, isSecret: true,
        "what goes with every export, for example a token")
    private static let certificateOption = Option(
        "OTEL_EXPORTER_OTLP_CERTIFICATE", Form<String>.path.optional, default: nil,
        "who may have signed the collector's certificate, PEM; without it the system's authorities")
    private static let timeoutOption = Option(
        "OTEL_EXPORTER_OTLP_TIMEOUT", .duration(100...120_000, in: .milliseconds), default: .seconds(10), "one export")
    private static let serviceNameOption = Option(
        "OTEL_SERVICE_NAME", .text("1 to 255 characters") { (1...255).contains($0.count) }, default: "novitaid", "whose spans they are")
    private static let samplerOption = Option<SamplerName>(
        "OTEL_TRACES_SAMPLER", .word, default: .parentOrOn,
        "which traces are kept; parentbased: those that the caller keeps, and of those that begin here what the second half says")
    private static let shareOption = Option(
        "OTEL_TRACES_SAMPLER_ARG", .share, default: 1, "the share that traceidratio keeps")
    private static let delayOption = Option(
        "OTEL_BSP_SCHEDULE_DELAY", .duration(10...600_000, in: .milliseconds), default: .seconds(5),
        "how long a span waits at most for others to be sent with")
    private static let exportTimeOption = Option(
        "OTEL_BSP_EXPORT_TIMEOUT", .duration(100...600_000, in: .milliseconds), default: .seconds(30),
        "from a batch's first export to the end of its last, however many fail; then its spans are given up")
    private static let queueOption = Option(
        "OTEL_BSP_MAX_QUEUE_SIZE", .integer(1...1_000_000), default: 2048, "spans that may wait for export; more are dropped and counted")
    private static let batchOption = Option(
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", .integer(1...10_000), default: 512, "spans that are sent together at most")
}

extension Form<Double> {
    static let share = Form(
        rule: "a number from 0 to 1",
        parse: { text in
            guard !text.isEmpty, text.utf8.allSatisfy({ "0123456789.".utf8.contains($0) }), let share = Double(text) else { return nil }
            return (0...1).contains(share) ? share : nil
        },
        print: { $0 == $0.rounded() ? String(Int($0)) : String($0) })
}

/// `name=value` pairs with commas between them; values are percent-encoded (W3C Baggage, which OpenTelemetry refers to).
package struct TraceHeaders: Sendable {
    package struct Field: Sendable {
        package let name: String
        package let value: String
    }

    private static let namesReserved = ["grpc-", "content-type", "te", "user-agent", "host", "connection"]

    package private(set) var fields: [Field] = []

    init() {}

    /// nil for a text that breaks the rules.
    init?(_ text: String) {
        for pair in text.split(separator: ",", omittingEmptySubsequences: true) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let value = Self.decoded(trimmed(parts[1])) else { return nil }
            let name = trimmed(parts[0]).lowercased()
            guard Self.isName(name), !value.isEmpty, value.utf8.allSatisfy({ (0x21...0x7e).contains($0) || $0 == 0x20 }),
                value.first != " ", value.last != " "
            else { return nil }
            self.fields.append(Field(name: name, value: value))
        }
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && !name.hasSuffix("-bin") && !self.namesReserved.contains { name.hasPrefix($0) && ($0.hasSuffix("-") || name == $0) }
            && name.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "-_.".utf8.contains($0)
                }
            }
    }

    /// nil when a percent sign is not followed by two hexadecimal digits.
    private static func decoded(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension Form<Secret> {
    fileprivate static let traceHeaders = Form.secret("name=value pairs with commas between them, at most 4096 characters") {
        $0.utf8.count <= 4096 && TraceHeaders($0) != nil
    }
}
