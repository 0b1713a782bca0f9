import CurlClient
import Fleet
import JSONText
import Testing

@testable import NovitaCloud

@Suite("Creating")
struct CreateTests {
    private func create(_ upstream: FakeUpstream) async -> CreateOutcome {
        let clock = JumpingClock()
        return await NovitaCloud.over(upstream, clock: clock).create(.test(), call: .test(.mutation, of: clock))
    }

    @Test("the order is written as the API wants it, with the ownership token in the name and in the environment")
    func body() async throws {
        let upstream = FakeUpstream(.reply(200, #"{"id": "5c1e0a97d2b34f68"}"#))
        guard case .created(let id) = await self.create(upstream) else { throw UnexpectedOutcome() }
        #expect(id.rawValue == "5c1e0a97d2b34f68")
        let request = try #require(upstream.requests.first)
        #expect(request.method == .post)
        #expect(request.url == "https://novita.test/gpu-instance/openapi/v1/gpu/instance/create")
        #expect(request.header("Authorization") == "Bearer sk_canary")
        #expect(request.header("Content-Type") == "application/json")
        #expect(request.header("X-Request-ID") == "request-1")
        #expect(request.delivery == .onceOnFreshConnection)
        let envs = #"[{"key":"A","value":"1"},{"key":"B","value":"secret-canary"},{"key":"NOVITAI_OWNER","value":"deployment.i-1.2"}]"#
        #expect(
            String(decoding: request.body, as: UTF8.self) == #"{"name":"deployment.i-1.2","productId":"4090.16c62g","gpuNum":2,"#
                + #""rootfsSize":80,"imageUrl":"team/image:1","kind":"gpu","billingMode":"spot","envs":"# + envs
                + #","clusterId":"us-ca-6","imageAuthId":"credential","command":"run \"it\"","minCudaVersion":"12.4","ports":"8080/http,22/tcp"}"#
        )
    }

    @Test("a CPU machine is ordered as one unit of its product: without a number of GPUs and without a disk")
    func cpuBody() async throws {
        let upstream = FakeUpstream(.reply(200, #"{"id": "5c1e0a97d2b34f68"}"#))
        let clock = JumpingClock()
        var order = MachineOrder.test()
        (order.spec.gpuCount, order.spec.diskGB, order.placement.clusterID) = (0, 0, "")
        _ = await NovitaCloud.over(upstream, clock: clock).create(order, call: .test(.mutation, of: clock))
        let body = try JSON(parsing: try #require(upstream.requests.first).body)
        #expect(body["kind"].string == "cpu" && body["productId"].string == "4090.16c62g")
        for member in ["gpuNum", "rootfsSize", "clusterId"] { #expect(body[member] == .null) }
    }

    @Test(
        "the id is found in all its forms",
        arguments: [#"{"Id": "x"}"#, #"{"instanceId": "x"}"#, #"{"data": {"id": "x"}}"#, "\"x\"", #"{"id": 17}"#])
    func forms(_ body: String) async throws {
        guard case .created = await self.create(FakeUpstream(.reply(200, body))) else { throw UnexpectedOutcome() }
    }

    @Test(
        "refused: there is no machine and will be none",
        arguments: [
            (.refusal(400, "INSUFFICIENT_RESOURCE"), .capacity), (.refusal(400, "BALANCE_NOT_ENOUGH"), .money),
            (.refusal(400, "VALIDATOR_PARAM"), .invalidRequest), (.refusal(400, "NETWORK_STORAGE_NOT_FOUND"), .invalidRequest),
            (.refusal(403, "INVALID_API_KEY"), .unauthorized), (.refusal(429, "RATE_LIMIT_EXCEEDED"), .rateLimited),
            (.reply(403, "<html>"), .unauthorized), (.reply(413, "<html>"), .invalidRequest),
            (.failed(.couldNotConnect, sent: false), .transport),
            (.failed(.tlsFailed, sent: false), .transport),
            (.failed(.timedOut, sent: false), .transport), (.failed(.queueFull, sent: false), .notAttempted),
            (.failed(.cancelled, sent: false), .notAttempted),
        ] as [(Result<HTTPResponse, HTTPClientError>, CloudError.Code)])
    func refused(_ result: Result<HTTPResponse, HTTPClientError>, code: CloudError.Code) async throws {
        let upstream = FakeUpstream(result)
        guard case .refused(let error) = await self.create(upstream) else { throw UnexpectedOutcome() }
        #expect(error.code == code)
        #expect(upstream.requests.count == 1)
    }

    @Test(
        "unclear: there may be a machine, and create was called once",
        arguments: [
            .reply(500, #"{"reason": "UNKNOWN"}"#), .reply(502, "<html>"), .reply(504), .reply(200), .reply(200, "{}"),
            .reply(200, #"{"id": ""}"#),
            .reply(200, "not json"), .reply(302), .reply(404, "404 page not found"), .reply(408), .reply(499),
            .refusal(503, "INSUFFICIENT_RESOURCE"),
            .refusal(400, "REQUEST", "context deadline exceeded"), .reply(400, "<html>"),
            .reply(404, #"{"message":"no Route matched with those values"}"#),
            .failed(.timedOut, sent: true), .failed(.connectionLost, sent: true), .failed(.cancelled, sent: true),
            .failed(.responseTooLarge, sent: true), .failed(.closed, sent: true), .failed(.malformedResponse, sent: true),
        ] as [Result<HTTPResponse, HTTPClientError>])
    func unclear(_ result: Result<HTTPResponse, HTTPClientError>) async throws {
        let upstream = FakeUpstream(result)
        guard case .unclear = await self.create(upstream) else { throw UnexpectedOutcome() }
        #expect(upstream.requests.count == 1)
    }

    @Test("secrets that the provider repeats are not passed on")
    func redaction() async throws {
        let upstream = FakeUpstream(.refusal(400, "VALIDATOR_PARAM", "bad value secret-canary with key sk_canary"))
        guard case .refused(let error) = await self.create(upstream) else { throw UnexpectedOutcome() }
        #expect(!error.message.contains("canary"))
        #expect(error.message.contains("bad value"))
    }

    @Test("nor do they stand in what the health and the log are told of the call")
    func redactionEverywhere() async throws {
        let (clock, reports) = (JumpingClock(), ReportLog())
        let cloud = NovitaCloud.over(FakeUpstream(.refusal(400, "VALIDATOR_PARAM", "bad secret-canary")), clock: clock, reports: reports)
        _ = await cloud.create(.test(), call: .test(.mutation, of: clock))
        let texts = [cloud.health.lastFailure?.message, reports.reports.last?.error?.message]
        #expect(texts.allSatisfy { $0?.contains("bad [redacted]") == true })
    }

    struct UnexpectedOutcome: Error {}
}

@Suite("Reading and changing machines")
struct MachineCallTests {
    private static let id = UpstreamID(rawValue: "5c1e0a97d2b34f68")
    private let clock = JumpingClock()

    private func read(_ result: Result<HTTPResponse, HTTPClientError>) async throws -> Machine? {
        try await NovitaCloud.over(FakeUpstream(result), clock: self.clock).machine(Self.id, call: .test(of: self.clock))
    }

    @Test(
        "a machine is read in every style",
        arguments: [Fixtures.machineLive, Fixtures.machineDocumented, #"{"instance": \#(Fixtures.machineLive)}"#])
    func styles(_ body: String) async throws {
        var machine = try #require(try await self.read(.reply(200, body)))
        // Of the container's environment, which not every style shows.
        #expect(machine.updateMark == (body.contains(OwnershipToken.environmentName) ? "" : nil))
        machine.updateMark = nil
        #expect(
            machine
                == Machine(
                    id: Self.id, name: "deployment.i-1.2", status: "running", token: MachineOrder.token, clusterID: "us-ca-6",
                    productID: "4090.16c62g", gpuCount: 1, diskGB: 60, billingMode: .spot,
                    endpoints: [
                        Endpoint(port: 8080, protocol: .http, address: "https://5c1e0a97d2b34f68-8080.us-ca-6.gpu-instance.novita.ai"),
                        Endpoint(port: 22, protocol: .tcp, address: "proxy.us-ca-6.gpu-instance.novita.ai:42155"),
                    ], spotStatus: "notified", spotReclaimAt: Timestamp(seconds: 1_767_229_200),
                    createdAt: Timestamp(seconds: 1_767_225_600)))
    }

    @Test("the key that the call needs is in the query, encoded")
    func query() async throws {
        let upstream = FakeUpstream(.refusal(400, "RESOURCE_NOT_FOUND"))
        _ = try await NovitaCloud.over(upstream, clock: self.clock).machine(UpstreamID(rawValue: "a/b&c=é"), call: .test(of: self.clock))
        #expect(upstream.paths == ["/gpu-instance/openapi/v1/gpu/instance?instanceId=a%2Fb%26c%3D%C3%A9"])
    }

    @Test(
        "the token is read from the environment, else from the name",
        arguments: [
            ("d.i-1.1", "d.i-2.1", "i-2"), ("d.i-1.1", "nonsense", "i-1"), ("d.i-1.1", "", "i-1"), ("by hand", "d.i-2.1", "i-2"),
            ("by hand", "", nil),
        ] as [(String, String, String?)])
    func token(name: String, variable: String, instance: String?) throws {
        let json = try JSON(
            parsing: Array(#"{"id": "x", "name": "\#(name)", "envs": [{"key": "NOVITAI_OWNER", "value": "\#(variable)"}]}"#.utf8))
        #expect(Machine(json)?.token?.instance.rawValue == instance)
    }

    @Test(
        "gone is what the provider says to be gone",
        arguments: [
            .refusal(400, "RESOURCE_NOT_FOUND"), .refusal(404, "RESOURCE_NOT_FOUND"), .reply(404, #"{"message": "instance not found"}"#),
            .reply(200, #"{"id": "5c1e0a97d2b34f68", "status": "removed"}"#),
        ] as [Result<HTTPResponse, HTTPClientError>])
    func gone(_ result: Result<HTTPResponse, HTTPClientError>) async throws {
        #expect(try await self.read(result) == nil)
    }

    @Test(
        "nothing else is proof that a machine is gone",
        arguments: [
            (.reply(404, "404 page not found"), .unavailable), (.reply(404, "<html>not found</html>"), .unavailable),
            (.reply(404, #"{"message":"no Route matched with those values"}"#), .unavailable),
            (.refusal(400, "INSTANCE_LOCAL_STORAGE_NOT_FOUND"), .invalidState), (.reply(200), .malformedReply),
            (.reply(200, "{}"), .malformedReply), (.reply(200, "null"), .malformedReply),
            (.reply(200, #"{"id": "another"}"#), .malformedReply),
            (.reply(500, #"{"message": "not found"}"#), .unavailable), (.refusal(403, "FORBIDDEN"), .unauthorized),
            (.refusal(400, "USER_NOT_FOUND"), .unauthorized), (.failed(.connectionLost, sent: true), .transport),
        ] as [(Result<HTTPResponse, HTTPClientError>, CloudError.Code)])
    func notGone(_ result: Result<HTTPResponse, HTTPClientError>, code: CloudError.Code) async throws {
        let error = await #expect(throws: CloudError.self) { _ = try await self.read(result) }
        #expect(error?.code == code)
    }

    @Test(
        "changes are accepted by their status, whatever the body",
        arguments: ["", "{}", "null", "\"ok\"", #"{"instanceId": "x", "state": "toStop"}"#, "<html>"])
    func changes(_ body: String) async throws {
        let upstream = FakeUpstream(.reply(200, body))
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        try await cloud.start(Self.id, call: .test(of: self.clock))
        try await cloud.stop(Self.id, call: .test(of: self.clock))
        try await cloud.restart(Self.id, call: .test(of: self.clock))
        try await cloud.delete(Self.id, call: .test(of: self.clock))
        #expect(upstream.paths == ["start", "stop", "restart", "delete"].map { "/gpu-instance/openapi/v1/gpu/instance/\($0)" })
        #expect(upstream.requests.allSatisfy { $0.delivery == .once && $0.body == Array(#"{"instanceId":"5c1e0a97d2b34f68"}"#.utf8) })
    }

    @Test("deleting what is not known is a success, starting it is not")
    func unknown() async throws {
        let cloud = NovitaCloud.over(FakeUpstream(.refusal(400, "RESOURCE_NOT_FOUND")), clock: self.clock)
        try await cloud.delete(Self.id, call: .test(of: self.clock))
        let error = await #expect(throws: CloudError.self) { try await cloud.start(Self.id, call: .test(of: self.clock)) }
        #expect(error?.code == .notFound)
    }

    @Test("a gateway that knows no path has not deleted anything")
    func unknownPath() async throws {
        let upstream = FakeUpstream(.reply(404, #"{"message":"no Route matched with those values"}"#))
        let error = await #expect(throws: CloudError.self) {
            try await NovitaCloud.over(upstream, clock: self.clock).delete(Self.id, call: .test(of: self.clock))
        }
        #expect(error?.code == .unavailable)
    }

    @Test("a monthly machine that may not be deleted yet says so")
    func prepaid() async throws {
        let cloud = NovitaCloud.over(FakeUpstream(.refusal(400, "PREPAID_INSTANCE_NOT_SUPPORT_RELEASE")), clock: self.clock)
        let error = await #expect(throws: CloudError.self) { try await cloud.delete(Self.id, call: .test(of: self.clock)) }
        #expect(error?.code == .money)
    }

    @Test(
        "the balance is in ten-thousandths of a dollar",
        arguments: [(#"{"availableBalance": "123456"}"#, 12_345_600), (#"{"availableBalance": -5}"#, -500)])
    func balance(body: String, micros: Int64) async throws {
        let upstream = FakeUpstream(.reply(200, body))
        let balance = try await NovitaCloud.over(upstream, clock: self.clock).balance(call: .test(.sweep, of: self.clock))
        #expect(balance == MicroUSD(micros: micros))
        #expect(upstream.paths == ["/openapi/v1/billing/balance/detail"])
    }

    @Test("no balance is no zero", arguments: ["{}", #"{"availableBalance": ""}"#, ""])
    func noBalance(body: String) async throws {
        let cloud = NovitaCloud.over(FakeUpstream(.reply(200, body)), clock: self.clock)
        await #expect(throws: CloudError.self) { try await cloud.balance(call: .test(of: self.clock)) }
    }
}

@Suite("Calling")
struct CallingTests {
    private static let id = UpstreamID(rawValue: "x")

    /// Fails so often, then succeeds.
    private static func failing(_ times: Int, _ failure: Result<HTTPResponse, HTTPClientError>) -> FakeUpstream {
        FakeUpstream { _, number in number < times ? failure : .reply(200, "{}") }
    }

    @Test("reads and repeatable changes outlast as many failures as there are retries, waiting longer each time", arguments: [0, 1, 3])
    func retries(failures: Int) async throws {
        let clock = JumpingClock()
        let upstream = Self.failing(failures, .reply(503))
        let reports = ReportLog()
        try await NovitaCloud.over(upstream, clock: clock, reports: reports).delete(Self.id, call: .test(of: clock))
        #expect(upstream.requests.count == failures + 1)
        #expect(reports.reports.map(\.attempt) == Array(1...failures + 1))
        #expect(zip(clock.sleeps, clock.sleeps.dropFirst()).allSatisfy { $0 < $1 * 2 })
    }

    @Test("then it gives up with the last failure")
    func givesUp() async throws {
        let clock = JumpingClock()
        let upstream = Self.failing(4, .reply(503))
        let error = await #expect(throws: CloudError.self) {
            try await NovitaCloud.over(upstream, clock: clock).delete(Self.id, call: .test(of: clock))
        }
        #expect(error?.code == .unavailable)
        #expect(upstream.requests.count == 4)
    }

    @Test("a restart is not repeated once it may have been processed")
    func restart() async throws {
        let clock = JumpingClock()
        let lost = Self.failing(1, .failed(.connectionLost, sent: true))
        await #expect(throws: CloudError.self) { try await NovitaCloud.over(lost, clock: clock).restart(Self.id, call: .test(of: clock)) }
        #expect(lost.requests.count == 1)
        let unsent = Self.failing(1, .failed(.couldNotConnect, sent: false))
        try await NovitaCloud.over(unsent, clock: clock).restart(Self.id, call: .test(of: clock))
        #expect(unsent.requests.count == 2)
    }

    @Test("Retry-After is obeyed, for the call and for those that come meanwhile")
    func retryAfter() async throws {
        let clock = JumpingClock()
        let began = clock.now
        let upstream = Self.failing(1, .refusal(429, "RATE_LIMIT_EXCEEDED", headers: [HTTPHeader("Retry-After", "12")]))
        let cloud = NovitaCloud.over(upstream, clock: clock)
        try await cloud.stop(Self.id, call: .test(of: clock))
        #expect(clock.now - began >= .seconds(12))

        let refused = FakeUpstream(.refusal(429, "RATE_LIMIT_EXCEEDED", headers: [HTTPHeader("Retry-After", "100")]))
        let quiet = NovitaCloud.over(refused, clock: clock)
        let error = await #expect(throws: CloudError.self) { try await quiet.stop(Self.id, call: .test(of: clock)) }
        #expect(error?.retryAfter == .seconds(100))
        let second = await #expect(throws: CloudError.self) { try await quiet.stop(Self.id, call: .test(of: clock)) }
        #expect(second?.code == .notAttempted)
        #expect(refused.requests.count == 1)
    }

    @Test("nothing is begun after the deadline, and no request may take longer than what is left")
    func deadline() async throws {
        let clock = JumpingClock()
        let upstream = FakeUpstream { request, _ in
            clock.advance(by: request.timeout)
            return .failed(.timedOut, sent: true)
        }
        let call = CloudCall.test(within: .seconds(45), of: clock)
        await #expect(throws: CloudError.self) { try await NovitaCloud.over(upstream, clock: clock).stop(Self.id, call: call) }
        #expect(upstream.requests.count == 2)
        #expect(upstream.requests[0].timeout == .seconds(30))
        #expect(upstream.requests[1].timeout < .seconds(15))
        #expect(clock.now <= call.deadline)

        let error = await #expect(throws: CloudError.self) { try await NovitaCloud.over(upstream, clock: clock).stop(Self.id, call: call) }
        #expect(error?.code == .notAttempted)
        #expect(upstream.requests.count == 2)
    }

    @Test("a provider that is down is left alone until the pause is over, and then asked once")
    func breaker() async throws {
        let clock = JumpingClock()
        let upstream = Self.failing(5, .failed(.couldNotConnect, sent: false))
        let cloud = NovitaCloud.over(upstream, clock: clock) { $0.retriesMax = 0 }
        for _ in 0..<5 { _ = try? await cloud.stop(Self.id, call: .test(of: clock)) }
        #expect(!cloud.health.isReachable)
        let error = await #expect(throws: CloudError.self) { try await cloud.stop(Self.id, call: .test(of: clock)) }
        #expect(error?.code == .notAttempted)
        #expect(error?.retryAfter != nil)
        #expect(upstream.requests.count == 5)
        clock.advance(by: .seconds(5))
        try await cloud.stop(Self.id, call: .test(of: clock))
        #expect(cloud.health.isReachable)
        #expect(cloud.health.lastFailure?.code == .transport)
    }

    @Test("a delete is made whatever other calls have met: an open circuit, or a pause that the provider asked of them")
    func releases() async throws {
        let clock = JumpingClock()
        let began = clock.now
        for (failure, times) in [
            (.failed(.couldNotConnect, sent: false), 5), (.reply(503), 5),
            (.refusal(429, "RATE_LIMIT_EXCEEDED", headers: [HTTPHeader("Retry-After", "100")]), 1),
        ] as [(Result<HTTPResponse, HTTPClientError>, Int)] {
            let upstream = FakeUpstream { request, _ in request.url.hasSuffix("/delete") ? .reply(200) : failure }
            let cloud = NovitaCloud.over(upstream, clock: clock) { $0.retriesMax = 0 }
            for _ in 0..<times { _ = try? await cloud.stop(Self.id, call: .test(of: clock)) }
            let before = upstream.requests.count
            try await cloud.delete(Self.id, call: .test(.release, of: clock))
            #expect(upstream.requests.count == before + 1)
        }
        #expect(clock.now - began < .seconds(100))
    }

    @Test("one broken endpoint does not keep others from being called")
    func brokenEndpoint() async throws {
        let clock = JumpingClock()
        let upstream = FakeUpstream { request, _ in request.url.contains("/metrics/") ? .reply(500) : .reply(200, #"{"id": "x"}"#) }
        let cloud = NovitaCloud.over(upstream, clock: clock) { $0.retriesMax = 0 }
        let window = MetricWindow(start: clock.now - .seconds(60), end: clock.now, interval: .seconds(15))
        for _ in 0..<6 { _ = try? await cloud.metrics(of: Self.id, in: window, call: .test(of: clock)) }
        #expect(upstream.requests.count == 5)
        guard case .created = await cloud.create(.test(), call: .test(.mutation, of: clock)) else {
            Issue.record("not created")
            return
        }
        #expect(cloud.health.isReachable)
    }

    @Test("a call that is held back takes nothing out of the budget")
    func heldBack() async throws {
        let clock = StandingClock()
        let cloud = NovitaCloud.over(FakeUpstream(.reply(503)), clock: clock) { ($0.retriesMax, $0.requestsPerMinute) = (0, 100) }
        for _ in 0..<30 { _ = try? await cloud.stop(Self.id, call: .test(of: clock)) }
        #expect(cloud.health.budgetLeft == 5)
    }

    @Test(
        "refusals do not open the circuit, whatever their status: 404s least of all",
        arguments: [(400, "CONFLICT"), (404, "RESOURCE_NOT_FOUND"), (404, "NOT_FOUND"), (409, "CONFLICT"), (422, "VALIDATOR_PARAM")])
    func refusals(status: Int, name: String) async throws {
        let clock = JumpingClock()
        let cloud = NovitaCloud.over(FakeUpstream(.refusal(status, name)), clock: clock)
        for _ in 0..<20 { _ = try? await cloud.stop(Self.id, call: .test(of: clock)) }
        #expect(cloud.health.isReachable)
    }

    @Test("the request budget spreads calls, and one whose turn would come after its deadline is not made")
    func budget() async throws {
        let clock = JumpingClock()
        let began = clock.now
        let upstream = FakeUpstream(.reply(200))
        let cloud = NovitaCloud.over(upstream, clock: clock) { $0.requestsPerMinute = 10 }
        for _ in 0..<10 { try await cloud.stop(Self.id, call: .test(.mutation, of: clock)) }
        #expect(clock.now - began >= .seconds(54))
        let error = await #expect(throws: CloudError.self) { try await cloud.stop(Self.id, call: .test(within: .seconds(1), of: clock)) }
        #expect(error?.code == .notAttempted)
        #expect(upstream.requests.count == 10)
    }

    @Test(
        "an id that is no header value does not spoil the call",
        arguments: [("a\r\nX: y", "aX:y"), ("é", nil), ("", nil)] as [(String, String?)])
    func requestID(id: String, header: String?) async throws {
        let upstream = FakeUpstream(.reply(200))
        let clock = JumpingClock()
        var call = CloudCall.test(of: clock)
        call.requestID = id
        try await NovitaCloud.over(upstream, clock: clock).stop(Self.id, call: call)
        #expect(upstream.requests[0].header("X-Request-ID") == header)
    }

    @Test("the key prints nowhere")
    func keyIsSecret() async throws {
        let key = APIKey("sk_canary")
        let configuration = NovitaCloudConfiguration(apiKey: key)
        let reports = ReportLog()
        let clock = JumpingClock()
        let cloud = NovitaCloud.over(FakeUpstream(.refusal(400, "VALIDATOR_PARAM", "key sk_canary")), clock: clock, reports: reports)
        let error = await #expect(throws: CloudError.self) { try await cloud.stop(Self.id, call: .test(of: clock)) }
        var dumped = ""
        dump(key, to: &dumped)
        dump(configuration, to: &dumped)
        dump(reports.reports, to: &dumped)
        dump(cloud.health, to: &dumped)
        dump(error, to: &dumped)
        #expect(!(dumped + "\(key)" + String(reflecting: key) + "\(configuration)").contains("canary"))
    }
}
