import Fleet
import NovitaiProto
import RPCCore
import SQLiteStore
import Synchronization
import Testing
import Traces

@testable import Services

@Suite("Spans of calls")
struct CallTracerTests {
    private static let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private final class Kept: Sendable {
        private let list = Mutex<[SpanRecord]>([])
        var spans: [SpanRecord] { self.list.withLock { $0 } }
        func add(_ span: SpanRecord) { self.list.withLock { $0.append(span) } }
    }

    private static func context(_ fields: [(String, String)]) throws -> ServerContext {
        var metadata = Metadata()
        for (name, value) in fields { try metadata.append(value, for: name) }
        return ServerContext(method: NovitaiV1.InstanceService.getInstance, requestMetadata: metadata, connection: 1, stream: 7)
    }

    private static func tracer(_ kept: Kept, _ roots: Sampler.Roots = .all) -> CallTracer {
        var random = SplitMix(state: 3)
        let tracer = Tracer(
            sampler: Sampler(roots: roots, followsParent: true), using: &random, now: { 1_800_000_000_000_000 }, keep: kept.add)
        return CallTracer(tracer, address: "127.0.0.1", port: 50051)
    }

    private static func outcome(_ code: RPCError.Code) -> CallOutcome {
        CallOutcome(code: code, duration: .milliseconds(2), receivedBytes: 0, sentBytes: 0)
    }

    @Test("a call's span lies under its caller's, and is said by the names of the conventions")
    func span() throws {
        let kept = Kept()
        let tracer = Self.tracer(kept, .none)
        let context = try Self.context([
            ("traceparent", Self.caller), ("tracestate", "a=1"), ("tracestate", "b=2"), ("authorization", "Bearer canary"),
        ])
        tracer.admit(context)
        let place = try #require(context.traceContext)
        #expect(place.state == "a=1,b=2" && place.spanID.description != "b7ad6b7169203331" && context.work.trace == place)
        tracer.completed(context, Self.outcome(.ok))
        let span = try #require(kept.spans.first)
        #expect(span.context == place && span.parentID?.description == "b7ad6b7169203331" && span.kind == .server)
        #expect(span.name == "novitai.v1.InstanceService/GetInstance" && span.endedAt - span.startedAt == 2000 && span.status == .unset)
        #expect(
            span.attributes == [
                .init(.serverAddress, "127.0.0.1"), .init(.serverPort, 50051), .init(.rpcSystem, "grpc"),
                .init(.rpcMethod, "novitai.v1.InstanceService/GetInstance"), .init(.rpcStatus, "OK"), .init(.requestID, "1-7"),
            ])
    }

    @Test("a status is an error of the span when it is the server's fault", arguments: RPCError.Code.allCases)
    func status(_ code: RPCError.Code) throws {
        let faults: Set<RPCError.Code> = [.unknown, .deadlineExceeded, .unimplemented, .internal, .unavailable, .dataLoss]
        let kept = Kept()
        let tracer = Self.tracer(kept)
        let context = try Self.context([])
        tracer.admit(context)
        tracer.completed(context, Self.outcome(code))
        let span = try #require(kept.spans.first)
        #expect(span.parentID == nil && span.attributes.contains(.init(.rpcStatus, code.description)))
        #expect(span.status == (faults.contains(code) ? .error(code.description) : .unset))
        #expect(span.attributes.contains(.init(.errorType, code.description)) == faults.contains(code))
    }

    @Test(
        "what is no trace, or two at once, begins a new one",
        arguments: [[("traceparent", "nonsense")], [("traceparent", caller), ("traceparent", caller)], [("tracestate", "a=1")], []])
    func malformed(_ fields: [(String, String)]) throws {
        let kept = Kept()
        let tracer = Self.tracer(kept)
        let context = try Self.context(fields)
        #expect(context.traceContext == nil)
        tracer.admit(context)
        tracer.completed(context, Self.outcome(.ok))
        #expect(kept.spans.map(\.parentID) == [nil] && context.traceContext?.traceID.description != "0af7651916cd43dd8448eb211c80319c")
    }

    @Test("a trace that is not kept goes on all the same, under a place of ours")
    func unsampled() throws {
        let kept = Kept()
        let tracer = Self.tracer(kept)
        let context = try Self.context([("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")])
        tracer.admit(context)
        tracer.completed(context, Self.outcome(.internal))
        let place = try #require(context.traceContext)
        #expect(kept.spans.isEmpty && !place.isSampled && place.traceID.description == "0af7651916cd43dd8448eb211c80319c")
    }

    @Test("a job is under the span of the call that asked for it; where calls are not traced, under the caller's")
    func job() async throws {
        let fixture = try await Fixture()
        var request = NovitaiV1.CreateInstanceRequest()
        request.spec = Fixture.spec
        for (isTraced, name) in [(true, "traced"), (false, "passed-on")] {
            request.name = name
            let context = Fixture.context(metadata: ["traceparent": Self.caller])
            if isTraced { Self.tracer(Kept()).admit(context) }
            let made = try await fixture.instances.createInstance(request, context: context)
            let trace = try #require(try await fixture.store.job(.init(rawValue: made.job?.id ?? ""))?.trace)
            #expect(trace == context.traceContext && (trace.parent == Self.caller) == !isTraced)
        }
        let untraced = try await fixture.create("untraced")
        #expect(try await fixture.store.job(.init(rawValue: untraced.job?.id ?? ""))?.trace == nil)
    }
}
