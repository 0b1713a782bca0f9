import HTTPTypes
import NovitaiProto
import ProtobufJSON
import ProtobufWire
import RPCCore
import Synchronization
import Testing

@testable import Console

/// Answers every unary call with one message, and remembers what was asked.
final class FakeChannel: RPCChannel {
    struct Asked: Sendable {
        var method: MethodDescriptor
        var request: [UInt8]
        var options: CallOptions
    }

    let asked = Mutex<[Asked]>([])
    private let answer: @Sendable () throws(RPCError) -> [UInt8]

    init(_ answer: @escaping @Sendable () throws(RPCError) -> [UInt8]) { self.answer = answer }

    nonisolated(nonsending) func unary<Q: RPCMessage, R: RPCMessage>(
        _ request: Q, method: MethodDescriptor, options: CallOptions
    ) async throws(RPCError) -> R {
        let bytes = try request.encoded(reserving: 0)
        self.asked.withLock { $0.append(Asked(method: method, request: bytes, options: options)) }
        return try R(decoding: try self.answer())
    }

    nonisolated(nonsending) func serverStreaming<Q: RPCMessage, R: RPCMessage, Result>(
        _ request: Q, method: MethodDescriptor, options: CallOptions, _ body: (ResponseStream<R>) async throws -> Result
    ) async throws -> Result { throw RPCError(code: .unimplemented, message: "") }

    nonisolated(nonsending) func clientStreaming<Q: RPCMessage, R: RPCMessage>(
        method: MethodDescriptor, options: CallOptions, _ body: (RequestWriter<Q>) async throws -> Void
    ) async throws -> R { throw RPCError(code: .unimplemented, message: "") }

    nonisolated(nonsending) func bidirectionalStreaming<Q: RPCMessage, R: RPCMessage, Result>(
        method: MethodDescriptor, options: CallOptions, _ body: (RequestWriter<Q>, ResponseStream<R>) async throws -> Result
    ) async throws -> Result { throw RPCError(code: .unimplemented, message: "") }
}

@Suite("Calls that the page makes")
struct CallTests {
    private static func answer(_ method: String, _ body: String, _ channel: FakeChannel) async throws -> String {
        let call = try #require(ConsoleCalls.byMethod[method])
        return try await call.answer(Array(body.utf8), channel, CallOptions())
    }

    @Test("a specification reaches the server whole, and the reply comes back as JSON")
    func create() async throws {
        let channel = FakeChannel { () throws(RPCError) in
            var response = NovitaiV1.CreateInstanceResponse()
            var instance = NovitaiV1.Instance()
            instance.id = "i-1"
            instance.name = "<img src=x onerror=alert(1)>\n\"\u{1}"
            response.instance = instance
            return try response.encoded(reserving: 0)
        }
        let body = """
            {"requestId": "console-1", "name": "web", "labels": {"team": "a=b"}, "deletionProtection": true,
             "spec": {"products": ["p", "q"], "gpuCount": 2, "regions": ["r"], "image": "i", "command": "c", "environment": {"A": "1"},
                      "ports": [{"port": 80, "protocol": "PORT_PROTOCOL_HTTP", "probe": {"path": "/up"}},
                                {"port": 22, "protocol": "PORT_PROTOCOL_TCP"}],
                      "diskGb": 70, "billingMode": "BILLING_MODE_SPOT", "maxHourlyPrice": {"micros": "350000"}, "minCudaVersion": "12.4"}}
            """
        let reply = try await Self.answer("CreateInstance", body, channel)
        #expect(reply == #"{"instance":{"id":"i-1","name":"<img src=x onerror=alert(1)>\n\"\u0001"}}"#)
        let asked = try #require(channel.asked.withLock { $0.first })
        let request = try NovitaiV1.CreateInstanceRequest(decoding: asked.request)
        let spec = try #require(request.spec)
        #expect(asked.method == NovitaiV1.InstanceService.createInstance)
        #expect(
            request.requestId == "console-1" && request.name == "web" && request.labels == ["team": "a=b"] && request.deletionProtection)
        #expect(spec.products == ["p", "q"] && spec.gpuCount == 2 && spec.regions == ["r"] && spec.image == "i" && spec.command == "c")
        #expect(spec.environment == ["A": "1"] && spec.diskGb == 70 && spec.billingMode == .spot && spec.minCudaVersion == "12.4")
        #expect(spec.maxHourlyPrice?.micros == 350_000 && spec.maxHourlyPrice?.currencyCode == "USD")
        #expect(spec.ports.map(\.port) == [80, 22] && spec.ports.map(\.protocol) == [.http, .tcp] && spec.ports[0].probe?.path == "/up")
        #expect(spec.ports[1].probe == nil)
    }

    @Test(
        "a body that cannot be read is refused, and the field that is wrong is named",
        arguments: [
            ("StopInstance", "", nil),
            ("StopInstance", "[]", nil),
            ("StopInstance", #"{"requestId": "r"}"#, "id"),
            ("StopInstance", #"{"id": "i"}"#, "requestId"),
            ("StopInstance", #"{"id": "i", "requestId": ""}"#, "requestId"),
            ("StopInstance", #"{"id": 5, "requestId": "r"}"#, "id"),
            ("PlanInstance", #"{"spec": {"products": [], "gpuCount": -1, "image": "i"}}"#, "spec.gpuCount"),
            ("PlanInstance", #"{"spec": {"products": [], "gpuCount": 1, "image": "i", "billingMode": "FREE"}}"#, "spec.billingMode"),
            ("PlanInstance", #"{"spec": {"products": [], "gpuCount": 1, "image": "i", "ports": [{}]}}"#, "spec.ports[0].port"),
            (
                "PlanInstance", #"{"spec": {"products": [], "gpuCount": 1, "image": "i", "maxHourlyPrice": {"micros": "much"}}}"#,
                "spec.maxHourlyPrice.micros"
            ),
        ] as [(String, String, String?)])
    func refused(method: String, body: String, field: String?) async throws {
        let channel = FakeChannel { () throws(RPCError) in [] }
        do {
            _ = try await Self.answer(method, body, channel)
            Issue.record("was taken")
        } catch let problem as Problem {
            #expect(problem.code == "INVALID_ARGUMENT")
            if let field { #expect(problem.violations.map(\.subject) == [field]) }
        }
        #expect(channel.asked.withLock { $0.isEmpty })
    }

    @Test("what the server refuses reaches the page with its status, its fields and its effect")
    func serverRefusal() async throws {
        let channel = FakeChannel { () throws(RPCError) in
            var status = GoogleRpc.Status()
            var effect = NovitaiV1.ErrorEffect()
            effect.effect = .unknown
            var any = GoogleProtobuf.AnyMessage()
            any.typeUrl = "type.googleapis.com/novitai.v1.ErrorEffect"
            any.value = try effect.encoded(reserving: 0)
            status.details = [any]
            throw RPCError(code: .unknown, message: "lost", details: try status.encoded(reserving: 0))
        }
        do {
            _ = try await Self.answer("GetInstance", #"{"id": "i"}"#, channel)
            Issue.record("was answered")
        } catch let problem as Problem {
            #expect(problem.json == #"{"code":"UNKNOWN","message":"lost","effect":"EFFECT_UNKNOWN"}"#)
            #expect(problem.httpStatus.code == 500)
        }
    }

    @Test("every change needs a request id, and what only reads is not taken for a change")
    func changes() {
        let changing = ConsoleCalls.all.filter { $0.isChange }.map { $0.method.method }
        #expect(
            Set(changing) == [
                "CreateInstance", "StartInstance", "StopInstance", "RestartInstance", "DeleteInstance", "CancelJob", "RetryJob",
                "SetFreeze",
            ])
    }
}
