import Fleet
import NovitaiProto
import OTLPProto
import RPCCore
import Testing
import Traces

@testable import TraceExport

@Suite("Rules of export")
struct ExportRuleTests {
    private static let start = Timestamp(seconds: 1000)

    @Test("only passing failures are tried again", arguments: RPCError.Code.allCases)
    func codes(_ code: RPCError.Code) {
        var attempts = BatchAttempts(until: Self.start + .seconds(30))
        let passing: Set<RPCError.Code> = [.cancelled, .deadlineExceeded, .aborted, .outOfRange, .unavailable, .dataLoss]
        let pause = attempts.failed(RPCError(code: code, message: ""), at: Self.start, random: 0)
        #expect(pause == (passing.contains(code) ? .seconds(1) : nil))
    }

    @Test(
        "a pause that the collector asks for is kept, and makes exhaustion a passing thing",
        arguments: [(RPCError.Code.resourceExhausted, 7), (.unavailable, 7), (.invalidArgument, nil)] as [(RPCError.Code, Int?)])
    func asked(_ code: RPCError.Code, seconds: Int?) throws {
        var retry = GoogleRpc.RetryInfo()
        retry.retryDelay = GoogleProtobuf.Duration()
        retry.retryDelay?.seconds = 7
        var status = GoogleRpc.Status()
        var detail = GoogleProtobuf.AnyMessage()
        detail.typeUrl = "type.googleapis.com/google.rpc.RetryInfo"
        detail.value = try retry.encoded(reserving: 0)
        status.details = [detail]
        var attempts = BatchAttempts(until: Self.start + .seconds(30))
        let error = RPCError(code: code, message: "", details: try status.encoded(reserving: 0))
        #expect(attempts.failed(error, at: Self.start, random: 0) == seconds.map { .seconds($0) })
    }

    @Test("pauses grow, and a batch is given up after the time for it")
    func limit() {
        var attempts = BatchAttempts(until: Self.start + .seconds(30))
        var now = Self.start
        var pauses: [Duration] = []
        while let pause = attempts.failed(RPCError(code: .unavailable, message: ""), at: now, random: 0) {
            pauses.append(pause)
            now = now + pause
        }
        #expect(pauses == [.seconds(1), .seconds(2), .seconds(4), .seconds(8)])
        #expect(attempts.timeLeft(at: now) == .seconds(15), "the next pause would last longer")
    }

    @Test("a full queue drops what comes, counts it, and keeps its order")
    func queue() {
        let queue = SpanQueue(limit: 3, batchSize: 2)
        for name in ["a", "b", "c", "d", "e"] { queue.append(span(name)) }
        #expect(queue.count == 3 && queue.dropped == 2 && queue.hasBatch)
        #expect(queue.takeBatch().map(\.name) == ["a", "b"] && queue.takeBatch().map(\.name) == ["c"] && queue.takeBatch().isEmpty)
    }

    @Test("a span is exported field by field")
    func message() throws {
        let resource = TraceResource(serviceName: "s", serviceVersion: "v", serviceInstance: "i")
        let request = ExportRequest([span("GET /x")], of: resource)
        let decoded = try ExportRequest(decoding: request.encoded(reserving: 0))
        let whole = try #require(decoded.resourceSpans.first)
        #expect(whole.resource?.attributes.map(\.key) == ["service.name", "service.version", "service.instance.id"])
        let sent = try #require(whole.scopeSpans.first?.spans.first)
        #expect(sent.traceId.count == 16 && sent.spanId.count == 8 && sent.parentSpanId == [0, 0, 0, 0, 0, 0, 1, 2])
        #expect(sent.name == "GET /x" && sent.kind == .client && sent.traceState == "a=1" && sent.flags == 1)
        #expect(sent.startTimeUnixNano == 1_800_000_000_000_001_000 && sent.endTimeUnixNano == 1_800_000_000_000_009_000)
        #expect(sent.attributes.map(\.key) == ["http.request.method", "http.response.status_code"])
        #expect(sent.attributes.map { $0.value?.value } == [.stringValue("GET"), .intValue(503)])
        #expect(sent.status?.code == .error && sent.status?.message == "e")
    }
}
