import CurlClient
import Fleet
import Synchronization
import Testing
import Traces

@testable import NovitaCloud

@Suite("Spans of requests to the provider")
struct TraceTests {
    private final class Seen: Sendable {
        private let state = Mutex<(requests: [HTTPRequest], spans: [SpanRecord])>(([], []))
        var requests: [HTTPRequest] { self.state.withLock { $0.requests } }
        var spans: [SpanRecord] { self.state.withLock { $0.spans } }
        func add(_ request: HTTPRequest) { self.state.withLock { $0.requests.append(request) } }
        func add(_ span: SpanRecord) { self.state.withLock { $0.spans.append(span) } }
    }

    private static func cloud(_ seen: Seen, status: Int, isTraced: Bool, clock: JumpingClock = JumpingClock()) -> NovitaCloud {
        var random = SeededGenerator(seed: 5)
        let tracer = Tracer(
            sampler: Sampler(roots: .all, followsParent: true), using: &random, now: { clock.now.microseconds }, keep: { seen.add($0) })
        var configuration = NovitaCloudConfiguration(origin: "https://novita.test", apiKey: APIKey("sk_canary"))
        configuration.retriesMax = 1
        let transport: NovitaCloud.Transport = { request in
            seen.add(request)
            return .success(HTTPResponse(status: status, body: Array(#"{"message":"canary"}"#.utf8)))
        }
        return NovitaCloud(
            configuration, transport: transport, clock: clock, random: RandomSource(SeededGenerator(seed: 1)),
            tracer: isTraced ? tracer : nil, report: { _ in })
    }

    private static func stop(_ cloud: NovitaCloud, under trace: TraceContext?, clock: JumpingClock = JumpingClock()) async {
        await WorkContext.$current.withValue(WorkContext(requestID: "r", trace: trace)) {
            try? await cloud.stop(UpstreamID(rawValue: "m"), call: .test(.mutation, within: .seconds(600), of: clock))
        }
    }

    private static func sent(_ request: HTTPRequest) -> [String: String] {
        Dictionary(request.headers.filter { $0.name.hasPrefix("trace") }.map { ($0.name, $0.value) }) { first, _ in first }
    }

    private static let parent = TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", state: "a=1")

    @Test("each request is a span of its own, a repeated one too, and tells the provider which")
    func spans() async throws {
        let seen = Seen()
        await Self.stop(Self.cloud(seen, status: 503, isTraced: true), under: Self.parent)
        #expect(seen.spans.count == 2 && seen.requests.count == 2)
        for (span, request) in zip(seen.spans, seen.requests) {
            #expect(Self.sent(request) == ["traceparent": span.context.parent, "tracestate": "a=1"])
            #expect(span.parentID == Self.parent?.spanID && span.context.traceID == Self.parent?.traceID)
            #expect(span.name == "POST /gpu-instance/openapi/v1/gpu/instance/stop" && span.kind == .client)
            #expect(span.status == .error("the provider did not do it") && !"\(span)".contains("canary"))
        }
        let path = "/gpu-instance/openapi/v1/gpu/instance/stop"
        #expect(
            seen.spans[1].attributes == [
                .init(.serverAddress, "novita.test"), .init(.serverPort, 443), .init(.httpMethod, "POST"),
                .init(.urlFull, "https://novita.test" + path), .init(.urlTemplate, path), .init(.requestID, "request-1"),
                .init(.httpResendCount, 1), .init(.httpStatus, 503), .init(.errorType, "503"),
            ])
    }

    @Test("where nothing is traced, the trace of who came before is passed on as it came")
    func passedOn() async throws {
        let seen = Seen()
        let cloud = Self.cloud(seen, status: 200, isTraced: false)
        await Self.stop(cloud, under: Self.parent)
        await Self.stop(cloud, under: nil)
        #expect(seen.requests.map(Self.sent) == [["traceparent": Self.parent?.parent ?? "", "tracestate": "a=1"], [:]])
    }

    @Test(
        "the provider's address is told from its origin",
        arguments: [
            ("https://api.novita.ai", "api.novita.ai", 443), ("http://127.0.0.1:8090", "127.0.0.1", 8090), ("http://[::1]:81", "[::1]", 81),
            ("http://[::1]", "[::1]", 80),
        ])
    func address(_ origin: String, _ host: String, _ port: Int) async {
        let seen = Seen()
        var random = SeededGenerator(seed: 5)
        let tracer = Tracer(sampler: Sampler(roots: .all, followsParent: true), using: &random, now: { 0 }, keep: { seen.add($0) })
        let spans = CallSpans(tracer, origin: origin)
        let report = CallReport(
            requestID: "", priority: .sweep, method: "GET", path: "/", attempt: 1, status: 200, error: nil, duration: .zero)
        spans.end(spans.begin(under: nil), report)
        #expect(seen.spans.first?.attributes.prefix(2) == [.init(.serverAddress, host), .init(.serverPort, port)])
    }
}
