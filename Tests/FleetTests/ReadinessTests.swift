import Fleet
import Testing

@Suite("Readiness")
struct ReadinessTests {
    private static func instance(_ ports: [PortSpec], rule: ReadinessRule? = nil) -> Instance {
        var spec = InstanceSpec.small
        (spec.ports, spec.readiness) = (ports, rule)
        var instance = Instance.sample(.running, spec: spec)
        instance.endpoints = ports.map { Endpoint(port: $0.port, protocol: $0.protocol, address: "a\($0.port)") }
        return instance
    }

    private static func result(_ port: Int, _ isHealthy: Bool, address: String? = nil) -> ProbeResult {
        ProbeResult(
            port: port, address: address ?? "a\(port)", isHealthy: isHealthy, latency: .milliseconds(7), detail: "status 502",
            checkedAt: noon)
    }

    private static func port(_ number: Int, isOptional: Bool = false) -> PortSpec {
        PortSpec(port: number, protocol: .http, probe: PortProbe(isOptional: isOptional))
    }

    @Test("An instance is ready when its required ports are healthy, and says why when it is not")
    func required() {
        var instance = Self.instance([Self.port(80), Self.port(81), PortSpec(port: 22, protocol: .tcp)])
        #expect(instance.probeTargets.map(\.endpoint.port) == [80, 81])
        instance.note(Self.result(80, true))
        #expect(instance.readiness == .notReady && instance.notReadyReason == "port 81 has not been asked yet")
        instance.note(Self.result(81, false))
        #expect(instance.notReadyReason == "port 81: status 502")
        instance.note(Self.result(81, true))
        #expect(instance.readiness == .ready && instance.notReadyReason == "" && instance.probes?.map(\.port) == [80, 81])
        instance.note(Self.result(80, false))
        #expect(instance.readiness == .notReady)
    }

    @Test("An optional port is shown and waited for by nobody; a threshold lets some required ones be away")
    func optional() {
        var instance = Self.instance([Self.port(80), Self.port(81, isOptional: true)])
        instance.note(Self.result(80, true))
        instance.note(Self.result(81, false))
        #expect(instance.readiness == .ready && instance.probes?.count == 2)
        var half = Self.instance([Self.port(80), Self.port(81)], rule: ReadinessRule(consecutiveSuccesses: 1, thresholdPercent: 50))
        half.note(Self.result(80, true))
        #expect(half.readiness == .ready)
    }

    @Test("A result says nothing about another address, and nothing once the machine is down")
    func stale() {
        var instance = Self.instance([Self.port(80)])
        instance.note(Self.result(80, true, address: "an earlier one"))
        #expect(instance.readiness == .notReady && instance.probes == nil)
        instance.note(Self.result(80, true))
        #expect(instance.readiness == .ready)
        (instance.state, instance.readiness) = (.stopped, .notReady)
        #expect(instance.probeTargets == [] && instance.notReadyReason == "the machine is stopped")
    }

    @Test("Statuses are healthy from 200 to 399, or as they are named")
    func statuses() {
        #expect([199, 200, 302, 399, 400, 401].map { PortProbe().accepts($0) } == [false, true, true, true, false, false])
        #expect([200, 401].map { PortProbe(expectedStatuses: [401]).accepts($0) } == [false, true])
    }

    @Test(
        "What is wrong with a probe is said by its field",
        arguments: [
            (PortProbe(path: "healthz"), PortProtocol.http, "path"), (PortProbe(path: "/a b"), .http, "path"),
            (PortProbe(path: "/#x"), .http, "path"), (PortProbe(expectedStatuses: [99]), .http, "expected_statuses"),
            (PortProbe(expectedStatuses: Array(200...216)), .http, "expected_statuses"), (PortProbe(path: "/x"), .tcp, "path"),
        ])
    func rules(_ probe: PortProbe, _ kind: PortProtocol, _ field: String) {
        var spec = InstanceSpec.small
        spec.ports = [PortSpec(port: 80, protocol: kind, probe: probe)]
        #expect(SpecRules.violations(of: spec).map(\.field) == ["spec.ports[0].probe.\(field)"])
        spec.ports = [PortSpec(port: 80, protocol: kind, probe: PortProbe())]
        #expect(SpecRules.violations(of: spec) == [])
    }
}
