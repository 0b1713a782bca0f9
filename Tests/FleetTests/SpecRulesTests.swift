import Fleet
import Testing

@Suite("Rules for a spec")
struct SpecRulesTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var field: String
        var change: @Sendable (inout InstanceSpec) -> Void
        var testDescription: String { self.field }
    }

    @Test(
        "A violation names the field",
        arguments: [
            Case(field: "spec.products") { $0.products = [] },
            Case(field: "spec.products") { $0.products = Array(repeating: "x", count: 17) },
            Case(field: "spec.gpu_count") { $0.gpuCount = -1 },
            Case(field: "spec.billing_mode") { ($0.gpuCount, $0.billingMode) = (0, .spot) },
            Case(field: "spec.min_cuda_version") { ($0.gpuCount, $0.minCUDAVersion) = (0, "12.4") },
            Case(field: "spec.gpu_count") { $0.gpuCount = 9 },
            Case(field: "spec.image") { $0.image = "" },
            Case(field: "spec.image") { $0.image = String(repeating: "x", count: 501) },
            Case(field: "spec.command") { $0.command = String(repeating: "x", count: 2048) },
            Case(field: "spec.disk_gb") { $0.diskGB = 9 },
            Case(field: "spec.disk_gb") { $0.diskGB = 6145 },
            Case(field: "spec.ports[0].port") { $0.ports = [PortSpec(port: 0, protocol: .http)] },
            Case(field: "spec.ports[0].port") { $0.ports = [PortSpec(port: 65536, protocol: .http)] },
            Case(field: "spec.ports[0].port") { $0.ports = [PortSpec(port: 2223, protocol: .tcp)] },
            Case(field: "spec.ports[1].port") { $0.ports = [PortSpec(port: 80, protocol: .tcp), PortSpec(port: 80, protocol: .http)] },
            Case(field: "spec.ports") { $0.ports = (1...16).map { PortSpec(port: $0, protocol: .http) } },
            Case(field: "spec.max_hourly_price") { $0.maxHourlyPrice = .zero },
            Case(field: "spec.min_cuda_version") { $0.minCUDAVersion = "12.x" },
        ])
    func violation(_ example: Case) {
        var spec = InstanceSpec.small
        #expect(SpecRules.violations(of: spec).isEmpty)
        example.change(&spec)
        #expect(SpecRules.violations(of: spec).map(\.field) == [example.field])
    }

    @Test(
        "Names begin with a letter and hold lower-case letters, digits and '-'",
        arguments: ["a", "trainer-1", "x" + String(repeating: "9", count: 62)])
    func name(_ text: String) {
        #expect(SpecRules.violations(ofName: text).isEmpty)
    }

    @Test("Other names are refused", arguments: ["A", "1a", "-a", "a_b", "ä", "a b", "x" + String(repeating: "9", count: 63)])
    func badName(_ text: String) {
        #expect(SpecRules.violations(ofName: text).map(\.field) == ["name"])
    }

    @Test("The ownership token's variable is ours")
    func environment() {
        #expect(SpecRules.violations(of: InstanceEnvironment(["NOVITAI_OWNER": "me"])).map(\.field) == ["spec.environment"])
        #expect(SpecRules.violations(of: InstanceEnvironment(["A": "b"])).isEmpty)
    }

    @Test("Request ids have 1 to 64 printable characters", arguments: ["", "a\n", "é", String(repeating: "x", count: 65)])
    func requestID(_ text: String) {
        #expect(SpecRules.violations(ofRequestID: text).map(\.field) == ["request_id"])
    }
}
