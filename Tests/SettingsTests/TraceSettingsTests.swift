import Testing

@testable import Settings

private func read(_ environment: [String: String]) -> (settings: TraceSettings?, violations: [String]) {
    let base = ["NOVITA_API_BASE_URL": "http://127.0.0.1:8090"]
    do throws(SettingsError) {
        let settings = try ServerSettings(SettingsSources(environment: base.merging(environment) { $1 })) { $0 }
        return (settings.traces, [])
    } catch {
        return (nil, error.violations.map(\.name))
    }
}

@Suite("Settings of traces")
struct TraceSettingsTests {
    private static let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"

    @Test("without an endpoint nothing is traced, whatever else is set")
    func off() {
        #expect(read(["OTEL_TRACES_SAMPLER": "always_on", "OTEL_SERVICE_NAME": "x"]).settings == nil)
    }

    @Test("defaults are OpenTelemetry's")
    func defaults() throws {
        let settings = try #require(read([Self.endpoint: "http://collector"]).settings)
        #expect((settings.host, settings.port, settings.isSecure) == ("collector", 4317, false))
        #expect((settings.serviceName, settings.sampler, settings.share) == ("novitaid", .parentOrOn, 1))
        #expect((settings.queueMax, settings.batchMax, settings.delay, settings.timeout) == (2048, 512, .seconds(5), .seconds(10)))
        #expect(settings.exportTime == .seconds(30))
        #expect(settings.headers.fields.isEmpty && settings.authoritiesFile == nil)
    }

    @Test(
        "what is wrong is named",
        arguments: [
            ([endpoint: "collector:4317"], endpoint), ([endpoint: "http://collector/v1/traces"], endpoint),
            (["OTEL_TRACES_SAMPLER": "sometimes"], "OTEL_TRACES_SAMPLER"), (["OTEL_TRACES_SAMPLER_ARG": "1.1"], "OTEL_TRACES_SAMPLER_ARG"),
            (["OTEL_TRACES_SAMPLER_ARG": "nan"], "OTEL_TRACES_SAMPLER_ARG"),
            (["OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "11"], "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
            (["OTEL_EXPORTER_OTLP_HEADERS": "x-token"], "OTEL_EXPORTER_OTLP_HEADERS"),
            ([endpoint: "http://collector", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"], endpoint),
        ])
    func wrong(_ environment: [String: String], _ name: String) {
        #expect(read(environment).violations == [name])
    }

    @Test(
        "headers are pairs, decoded; what may not travel is refused",
        arguments: [
            ("a=b", ["a: b"]), ("X-Token=a%20b%3D, other = c=d", ["x-token: a b=", "other: c=d"]), ("a=b,", ["a: b"]), ("a", nil),
            ("=b", nil),
            ("a=", nil), ("a=%2", nil), ("a=%zz", nil), ("a=%0A", nil), ("a=%C3%A9", nil), ("a-bin=b", nil), ("grpc-timeout=1S", nil),
            ("te=x", nil), ("tea=x", ["tea: x"]), ("a b=c", nil), ("a=%20b", nil),
        ] as [(String, [String]?)])
    func headers(_ text: String, _ fields: [String]?) {
        #expect(TraceHeaders(text)?.fields.map { "\($0.name): \($0.value)" } == fields)
    }

    @Test("headers are a secret: they are shown nowhere, and need encryption beyond loopback")
    func secret() throws {
        let environment = [Self.endpoint: "http://localhost:1", "OTEL_EXPORTER_OTLP_HEADERS": "x-token=canary"]
        let sources = SettingsSources(environment: environment.merging(["NOVITA_API_BASE_URL": "http://127.0.0.1:8090"]) { $1 })
        let settings = try ServerSettings(sources) { $0 }
        #expect(settings.traces?.headers.fields.first?.value == "canary")
        #expect(!settings.effective.contains { $0.value.contains("canary") })
        #expect(read([Self.endpoint: "https://collector", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"]).violations == [])
    }
}
