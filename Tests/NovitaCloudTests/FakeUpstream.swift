import CurlClient
import Fleet
import Synchronization

@testable import NovitaCloud

/// A provider that answers as the test says, without sockets.
final class FakeUpstream: Sendable {
    typealias Answer = @Sendable (HTTPRequest, _ number: Int) async -> Result<HTTPResponse, HTTPClientError>

    private let answer: Answer
    private let log = Mutex<[HTTPRequest]>([])

    /// `answer` is told how many requests came before.
    init(_ answer: @escaping Answer) {
        self.answer = answer
    }

    /// Always the same.
    convenience init(_ result: Result<HTTPResponse, HTTPClientError>) {
        self.init { _, _ in result }
    }

    var requests: [HTTPRequest] { self.log.withLock { $0 } }
    var paths: [String] { self.requests.map { $0.url.replacing("https://novita.test", with: "") } }

    func send(_ request: HTTPRequest) async -> Result<HTTPResponse, HTTPClientError> {
        let number = self.log.withLock { log in
            log.append(request)
            return log.count - 1
        }
        return await self.answer(request, number)
    }
}

extension HTTPRequest {
    /// The value of a query's parameter.
    func parameter(_ name: String) -> String? {
        self.url.split(separator: "?").dropFirst().first?.split(separator: "&").first { $0.hasPrefix(name + "=") }
            .map { String($0.dropFirst(name.count + 1)) }
    }

    func header(_ name: String) -> String? { self.headers.first { $0.name == name }?.value }
}

extension Result where Success == HTTPResponse, Failure == HTTPClientError {
    static func reply(_ status: Int, _ body: String = "", headers: [HTTPHeader] = []) -> Self {
        .success(HTTPResponse(status: status, headers: headers, body: Array(body.utf8)))
    }

    static func refusal(_ status: Int, _ reason: String, _ message: String = "no", headers: [HTTPHeader] = []) -> Self {
        .reply(status, #"{"code": \#(status), "reason": "\#(reason)", "message": "\#(message)"}"#, headers: headers)
    }

    static func failed(_ code: HTTPClientError.Code, sent: Bool) -> Self {
        .failure(HTTPClientError(code, mayHaveBeenSent: sent, "failed"))
    }
}

/// A clock whose sleepers are never kept waiting: time jumps to where they want it.
final class JumpingClock: Clock {
    private let time = Mutex(Timestamp(seconds: 1_767_225_600))
    private let log = Mutex<[Duration]>([])

    var now: Timestamp { self.time.withLock { $0 } }
    var sleeps: [Duration] { self.log.withLock { $0 } }

    func advance(by duration: Duration) { self.time.withLock { $0 = $0 + duration } }

    func sleep(until time: Timestamp) async {
        let now = self.now
        self.log.withLock { $0.append(time - now) }
        self.time.withLock { $0 = max($0, time) }
    }
}

/// A clock that stands still: whoever sleeps does so until cancelled.
final class StandingClock: Clock {
    private let sleepers = Waiters<Same>(limit: 1000)

    let now = Timestamp(seconds: 1_767_225_600)

    func sleep(until time: Timestamp) async {
        guard time > self.now else { return }
        _ = await self.sleepers.wait(unless: { false })
    }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension NovitaCloud {
    /// A cloud over the fake. `reports` collects what is told to the log.
    static func over(
        _ upstream: FakeUpstream, clock: any Clock = JumpingClock(), reports: ReportLog = ReportLog(),
        _ change: (inout NovitaCloudConfiguration) -> Void = { _ in }
    ) -> NovitaCloud {
        var configuration = NovitaCloudConfiguration(origin: "https://novita.test", apiKey: APIKey("sk_canary"))
        configuration.requestsPerMinute = 10_000
        change(&configuration)
        return NovitaCloud(
            configuration, transport: upstream.send, clock: clock, random: RandomSource(SeededGenerator(seed: 1)),
            report: { report in reports.append(report) })
    }
}

final class ReportLog: Sendable {
    private let log = Mutex<[CallReport]>([])
    var reports: [CallReport] { self.log.withLock { $0 } }
    func append(_ report: CallReport) { self.log.withLock { $0.append(report) } }
}

extension CloudCall {
    static func test(_ priority: CallPriority = .transition, within limit: Duration = .seconds(30), of clock: any Clock) -> CloudCall {
        CloudCall(priority: priority, requestID: "request-1", deadline: clock.now + limit)
    }
}

extension MachineOrder {
    static let token = OwnershipToken(
        deployment: DeploymentID(rawValue: "deployment"), instance: InstanceID(rawValue: "i-1"), attempt: 2)

    static func test(environment: [String: String] = ["B": "secret-canary", "A": "1"]) -> MachineOrder {
        MachineOrder(
            token: self.token,
            spec: InstanceSpec(
                products: ["RTX 4090 24GB"], gpuCount: 2, image: "team/image:1", registryCredentialID: "credential", command: "run \"it\"",
                ports: [PortSpec(port: 8080, protocol: .http), PortSpec(port: 22, protocol: .tcp)], diskGB: 80, billingMode: .spot,
                minCUDAVersion: "12.4"),
            environment: InstanceEnvironment(environment),
            placement: Placement(
                productID: "4090.16c62g", productName: "RTX 4090 24GB", clusterID: "us-ca-6", clusterName: "US-CA-06", billingMode: .spot,
                hourlyPrice: .dollars(1)))
    }
}
