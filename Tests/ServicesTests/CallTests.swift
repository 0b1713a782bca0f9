import Access
import Fleet
import Logging
import NovitaiProto
import RPCCore
import Synchronization
import Telemetry
import Testing

@testable import Services

@Suite("Who may call what")
struct MethodRolesTests {
    @Test("every method that is served has a role, and every role a method", arguments: ServiceRouter.methods)
    func complete(_ method: MethodDescriptor) {
        #expect(MethodRoles.table.leastRole(for: MethodKey(method)) != nil)
    }

    @Test("what changes something needs an operator, what reads a viewer, what watches over the server a monitor")
    func roles() {
        for method in NovitaiV1.InstanceService.methods {
            let isReading = [
                "PlanInstance", "GetInstance", "BatchGetInstances", "ListInstances", "WatchInstances", "GetInstanceMetrics",
            ].contains(method.method)
            #expect(MethodRoles.table.leastRole(for: MethodKey(method)) == (isReading ? .viewer : .operator))
        }
        #expect(MethodRoles.table.leastRole(for: MethodKey(NovitaiV1.AdminService.getHealth)) == .monitor)
        #expect(MethodRoles.table.leastRole(for: MethodKey(GrpcHealthV1.Health.check)) == .monitor)
        let unknown = MethodDescriptor(service: NovitaiV1.InstanceService.name, method: "Unknown", kind: .unary)
        #expect(MethodRoles.table.leastRole(for: MethodKey(unknown)) == nil)
    }

    private static let tokens = [
        "viewer-token": Principal(id: "v", tenant: "t", role: .viewer), "operator-token": Principal(id: "o", tenant: "t", role: .operator),
    ]

    private func interceptor(burst: Int = 100, isOpen: Bool = false) -> AccessInterceptor {
        let entries = Self.tokens.map { TokenEntry(digest: SHA256Digest.of(Array($0.key.utf8)), principal: $0.value, expiresAt: nil) }
        return AccessInterceptor(
            authenticator: Authenticator(isOpen ? nil : PrincipalTable(entries), digest: SHA256Digest.of),
            limiter: RateLimiter(perSecond: 1, burst: burst), clock: TestClock())
    }

    private func call(_ method: MethodDescriptor, token: String?, from peer: String = "ipv4:10.0.0.1:50") throws -> ServerContext {
        var metadata = Metadata()
        if let token { try metadata.append("Bearer \(token)", for: "authorization") }
        return ServerContext(method: method, requestMetadata: metadata, peer: peer)
    }

    @Test("a call goes on while its token is good for it")
    func recheck() throws {
        let entry = TokenEntry(
            digest: SHA256Digest.of(Array("viewer-token".utf8)), principal: Principal(id: "v", tenant: "t", role: .viewer),
            expiresAt: 1_800_000_100)
        let (clock, table) = (TestClock(), PrincipalTable([entry]))
        let authenticator = Authenticator(table, digest: SHA256Digest.of)
        let interceptor = AccessInterceptor(
            authenticator: authenticator, limiter: RateLimiter(perSecond: 1, burst: 1), clock: clock)
        let context = try self.call(NovitaiV1.InstanceService.watchInstances, token: "viewer-token")
        try interceptor.admit(context)
        for _ in 0..<3 { try interceptor.recheck(context) }
        let other = TokenEntry(digest: entry.digest, principal: Principal(id: "v", tenant: "other", role: .viewer), expiresAt: nil)
        for changed in [PrincipalTable([]), PrincipalTable([other])] {
            authenticator.replace(changed)
            #expect(#expect(throws: RPCError.self) { try interceptor.recheck(context) }?.code == .unauthenticated)
        }
        authenticator.replace(table)
        try interceptor.recheck(context)
        clock.advance(by: .seconds(200))
        #expect(#expect(throws: RPCError.self) { try interceptor.recheck(context) }?.code == .unauthenticated)
    }

    @Test("a certificate proves something until it expires, also on a connection that goes on, and a token is good without it")
    func certificate() throws {
        let clock = TestClock()
        let holder = Principal(id: "c", tenant: "t", role: .viewer)
        let token = TokenEntry(digest: SHA256Digest.of(Array("viewer-token".utf8)), principal: holder, expiresAt: nil)
        let table = PrincipalTable(tokens: TokenTable([token]), proofs: [.dnsName("worker"): holder])
        let interceptor = AccessInterceptor(
            authenticator: Authenticator(table, digest: SHA256Digest.of), limiter: RateLimiter(perSecond: 100, burst: 100), clock: clock)
        let expiry = clock.now.seconds + 100
        let identity = PeerIdentity.certificate(PeerCertificate(uris: [], dnsNames: ["worker"], fingerprint: [1], expiresAt: expiry))
        let method = NovitaiV1.InstanceService.watchInstances
        let context = ServerContext(method: method, identity: identity)
        try interceptor.admit(context)
        clock.advance(by: .seconds(100))
        try interceptor.recheck(context)
        clock.advance(by: .seconds(1))
        #expect(#expect(throws: RPCError.self) { try interceptor.recheck(context) }?.code == .unauthenticated)
        let later = ServerContext(method: method, identity: identity)
        #expect(#expect(throws: RPCError.self) { try interceptor.admit(later) }?.code == .unauthenticated)
        var metadata = Metadata()
        try metadata.append("Bearer viewer-token", for: "authorization")
        try interceptor.admit(ServerContext(method: method, requestMetadata: metadata, identity: identity))
    }

    @Test(
        "a call is let in by its token and its role",
        arguments: [
            ("viewer-token", NovitaiV1.InstanceService.getInstance, nil),
            ("viewer-token", NovitaiV1.InstanceService.createInstance, .permissionDenied),
            ("operator-token", NovitaiV1.InstanceService.createInstance, nil),
            (nil, NovitaiV1.InstanceService.getInstance, .unauthenticated),
            ("wrong", NovitaiV1.InstanceService.getInstance, .unauthenticated), ("wrong", GrpcHealthV1.Health.check, .unauthenticated),
            (nil, GrpcHealthV1.Health.watch, .unauthenticated), (nil, NovitaiV1.AdminService.getHealth, .unauthenticated),
        ] as [(String?, MethodDescriptor, RPCError.Code?)])
    func admit(_ token: String?, _ method: MethodDescriptor, _ wanted: RPCError.Code?) async throws {
        let context = try self.call(method, token: token)
        guard let wanted else {
            try self.interceptor().admit(context)
            #expect((context.principal as? Principal)?.tenant == "t")
            return
        }
        let refused = try await refusal { try self.interceptor().admit(context) }
        #expect(refused.code == wanted && context.principal == nil)
    }

    @Test("a health check needs no token, but has a limit, which those of other hosts do not share")
    func probe() async throws {
        let interceptor = self.interceptor()
        let context = try self.call(GrpcHealthV1.Health.check, token: nil)
        for _ in 1...RateLimiter.monitorPerSecond { try interceptor.admit(context) }
        #expect(context.principal as? Principal == .anonymous)
        var refused = 0
        // The bucket may fill while the test runs, but not as fast as this empties it.
        for _ in 1...RateLimiter.monitorPerSecond { if (try? interceptor.admit(context)) == nil { refused += 1 } }
        #expect(refused > 0)
        #expect(throws: RPCError.self, "another port is no other host") {
            for _ in 1...RateLimiter.monitorPerSecond {
                try interceptor.admit(self.call(GrpcHealthV1.Health.check, token: nil, from: "ipv4:10.0.0.1:51"))
            }
        }
        for peer in ["ipv4:10.0.0.2:50", "ipv6:[::1]:50", "unix:uid=0,gid=0,pid=1"] {
            try interceptor.admit(self.call(GrpcHealthV1.Health.check, token: nil, from: peer))
        }
    }

    @Test("without identities every caller is the local one")
    func open() throws {
        let context = try self.call(NovitaiV1.InstanceService.createInstance, token: nil)
        try self.interceptor(isOpen: true).admit(context)
        #expect(context.principal as? Principal == .local)
    }

    @Test("too many calls are refused with a time to try again")
    func limited() async throws {
        let interceptor = self.interceptor(burst: 2)
        for _ in 0..<2 { try interceptor.admit(try self.call(NovitaiV1.InstanceService.getInstance, token: "viewer-token")) }
        let refused = try await refusal {
            try interceptor.admit(try self.call(NovitaiV1.InstanceService.getInstance, token: "viewer-token"))
        }
        #expect(refused.code == .resourceExhausted)
        #expect(try refused.detail(GoogleRpc.RetryInfo.self)?.retryDelay != nil)
        try interceptor.admit(try self.call(NovitaiV1.InstanceService.getInstance, token: "operator-token"))
    }
}

@Suite("What calls measure")
struct CallObserverTests {
    @Test("calls are counted and timed by method and status, the log names the call, and failures of ours are errors")
    func counted() {
        let lines = LogLines()
        let observer = CallObserver(methods: ServiceRouter.methods, log: Logger(label: "t") { _ in lines.handler })
        let get = ServerContext(method: NovitaiV1.InstanceService.getInstance, connection: 1, stream: 7)
        for code in [RPCError.Code.ok, .ok, .notFound, .internal] {
            observer.completed(get, CallOutcome(code: code, duration: .milliseconds(2), receivedBytes: 3, sentBytes: 4))
        }
        observer.completed(
            ServerContext(method: MethodDescriptor(service: "x.Y", method: "Z", kind: .unary)),
            CallOutcome(code: .unimplemented, duration: .zero, receivedBytes: 0, sentBytes: 0))
        let text = PrometheusText.render(observer.families)
        let labels = "service=\"novitai.v1.InstanceService\",method=\"GetInstance\""
        #expect(text.contains("novitai_rpc_calls_total{\(labels),code=\"OK\"} 2\n"))
        #expect(text.contains("novitai_rpc_calls_total{\(labels),code=\"NOT_FOUND\"} 1\n"))
        #expect(text.contains("novitai_rpc_duration_seconds_bucket{\(labels),le=\"0.0025\"} 4\n"))
        #expect(text.contains("novitai_rpc_duration_seconds_count{\(labels)} 4\n") && !text.contains("x.Y"))
        #expect(lines.text.contains("error call failed") && lines.text.contains("1-7"))
    }
}

@Suite("Errors that nobody foresaw")
struct IncidentTests {
    private struct Strange: Error {
        let text = "canary of an inner error"
    }

    @Test("the caller is told a number, the log the rest under the same number")
    func incident() async throws {
        let fixture = try await Fixture()
        let refused = try await refusal {
            try await fixture.backend.answer(Fixture.context(metadata: ["x-request-id": "trace-1"])) { throw Strange() }
        }
        #expect(refused.code == .internal && refused.effect == .unknown && !refused.message.contains("canary"))
        let incident = try #require(refused.metadata["incidentId"])
        #expect(refused.message.contains(incident))
        for part in ["error call failed unexpectedly", incident, "trace-1", "canary of an inner error"] {
            #expect(fixture.lines.text.contains(part))
        }
    }

    @Test("a cancelled call may have had an effect")
    func cancelled() async throws {
        let fixture = try await Fixture()
        let refused = try await refusal { try await fixture.backend.answer(Fixture.context()) { throw CancellationError() } }
        #expect(refused.code == .cancelled && refused.effect == .unknown)
    }
}

@Suite("The way of a call that only reads")
struct HotPathTests {
    @Test("GetInstance of a living instance has its reply at hand, without a task")
    func prompt() async throws {
        let fixture = try await Fixture()
        var router = Router()
        fixture.instances.registerAll(in: &router)
        let path = NovitaiV1.InstanceService.getInstance.path
        let method = try #require(router.registeredMethods.first { $0.descriptor.path == path })
        guard case .promptUnary(let handler) = method.handler else {
            Issue.record("GetInstance needs a task")
            return
        }
        var request = NovitaiV1.GetInstanceRequest()
        request.id = try #require(try await fixture.create("hot").instance?.id)
        guard case .now(let reply) = try handler(ReceivedMessage(framed: request.framed()), Fixture.context()) else {
            Issue.record("the reply is not at hand")
            return
        }
        let instance: NovitaiV1.Instance = try ReceivedMessage(framed: reply).decoded()
        #expect(instance.name == "hot")
    }
}
