import CurlClient
import Fleet
import Testing

@testable import NovitaCloud

/// What is changed of a machine, and what is looked up of it, as the API wants and writes it.
@Suite("Changes, jobs and metrics")
struct ChangeCallTests {
    private static let id = UpstreamID(rawValue: "5c1e0a97d2b34f68")
    private let clock = JumpingClock()

    private var call: CloudCall { .test(.mutation, of: self.clock) }

    /// The one request that `body` makes.
    private func request(
        _ reply: Result<HTTPResponse, HTTPClientError> = .reply(200, "{}"), _ body: (NovitaCloud, CloudCall) async throws -> Void
    ) async throws -> HTTPRequest {
        let upstream = FakeUpstream(reply)
        try await body(.over(upstream, clock: self.clock), self.call)
        #expect(upstream.requests.count == 1)
        return try #require(upstream.requests.first)
    }

    private static let base = "https://novita.test/gpu-instance/openapi/v1"

    @Test("an edit names every port that shall be open, as numbers, and what the disk grows by")
    func edit() async throws {
        let request = try await self.request { cloud, call in
            let ports = [PortSpec(port: 8080, protocol: .http), PortSpec(port: 22, protocol: .tcp)]
            try await cloud.edit(Self.id, MachineEdit(ports: ports, addedDiskGB: 20), call: call)
        }
        #expect(request.url == "\(Self.base)/gpu/instance/edit")
        #expect(
            request.text
                == #"{"instanceId":"5c1e0a97d2b34f68","ports":[{"port":8080,"type":"http"},{"port":22,"type":"tcp"}],"expandRootDisk":20}"#)
    }

    @Test("an upgrade is given in full, and goes on carrying our token")
    func upgrade() async throws {
        let request = try await self.request { cloud, call in
            let upgrade = MachineUpgrade(
                token: MachineOrder.token, image: "team/image:2", environment: InstanceEnvironment(["A": "1"]), command: "run",
                volumes: [VolumeMount(volumeID: "v", mountPath: "/data")], keepsData: false)
            try await cloud.upgrade(Self.id, upgrade, call: call)
        }
        #expect(request.url == "\(Self.base)/gpu/instance/upgrade")
        #expect(
            request.text == #"{"instanceId":"5c1e0a97d2b34f68","imageUrl":"team/image:2","imageAuthId":"","envs":[{"key":"A","value":"1"},"#
                + #"{"key":"NOVITAI_OWNER","value":"deployment.i-1.2"}],"command":"run","entrypoint":"","save":false,"#
                + #""networkVolume":{"volumeMounts":[{"type":"network","id":"v","mountPath":"/data"}]}}"#)
    }

    @Test(
        "terms go to their own paths, the automatic renewal with a list of ids",
        arguments: [
            (.monthly(months: 3), "transToMonthlyInstance", #"{"instanceId":"5c1e0a97d2b34f68","month":3}"#),
            (.renewal(months: 1), "renewInstance", #"{"instanceId":"5c1e0a97d2b34f68","month":1}"#),
            (
                .automaticRenewal(months: 2), "setAutoRenew",
                #"{"instanceIds":["5c1e0a97d2b34f68"],"autoRenew":true,"autoRenewMonth":2}"#
            ),
            (
                .automaticRenewal(months: nil), "setAutoRenew",
                #"{"instanceIds":["5c1e0a97d2b34f68"],"autoRenew":false,"autoRenewMonth":0}"#
            ),
            (
                .automaticMigration(isOn: true, includesSystemDisk: false), "setAutoMigrate",
                #"{"instanceId":"5c1e0a97d2b34f68","autoMigrateOpen":true,"autoMigrateSystemDisk":false}"#
            ),
        ] as [(MachineTerms, String, String)])
    func terms(_ terms: MachineTerms, _ path: String, _ body: String) async throws {
        let request = try await self.request { try await $0.change(terms, of: Self.id, call: $1) }
        #expect(request.url == "\(Self.base)/gpu/instance/\(path)" && request.text == body)
    }

    @Test("migrate, save image and cancel name the machine or the job", arguments: ["", "credential"])
    func jobCalls(_ credential: String) async throws {
        let migrate = try await self.request { try await $0.migrate(Self.id, call: $1) }
        #expect(migrate.url == "\(Self.base)/gpu/instance/migrate" && migrate.text == #"{"instanceId":"5c1e0a97d2b34f68"}"#)
        let save = try await self.request(.reply(200, #"{"jobId": "jb-1"}"#)) { cloud, call in
            let job = try await cloud.saveImage(of: Self.id, to: "team/image:3", registryCredentialID: credential, call: call)
            #expect(job.rawValue == "jb-1")
        }
        #expect(save.url == "\(Self.base)/job/save/image")
        #expect(save.text.contains(#""image":"team/image:3""#) && save.text.contains("registryAuthId") == !credential.isEmpty)
        let cancel = try await self.request { try await $0.cancelJob(UpstreamJobID(rawValue: "jb-1"), call: $1) }
        #expect(cancel.url == "\(Self.base)/job/break" && cancel.text == #"{"jobId":"jb-1"}"#)
    }

    // MARK: What is never made twice

    static let onlyOnce: [(String, @Sendable (NovitaCloud, CloudCall) async throws -> Void)] = [
        ("edit with a larger disk", { try await $0.edit(id, MachineEdit(ports: [], addedDiskGB: 1), call: $1) }),
        ("upgrade", { try await $0.upgrade(id, MachineUpgrade(token: MachineOrder.token, image: "i"), call: $1) }),
        ("migrate", { try await $0.migrate(id, call: $1) }), ("monthly", { try await $0.change(.monthly(months: 1), of: id, call: $1) }),
        ("renewal", { try await $0.change(.renewal(months: 1), of: id, call: $1) }),
        ("save image", { _ = try await $0.saveImage(of: id, to: "i", registryCredentialID: "", call: $1) }),
    ]

    @Test("a change that a repeat would make twice is made once, and says whether it may have been made", arguments: 0..<onlyOnce.count)
    func once(_ number: Int) async throws {
        let change = Self.onlyOnce[number].1
        for (result, mayHave) in [
            (.failed(.connectionLost, sent: true), true), (.reply(502, "<html>"), true), (.refusal(400, "CONFLICT"), false),
        ] as [(Result<HTTPResponse, HTTPClientError>, Bool)] {
            let upstream = FakeUpstream(result)
            let error = await #expect(throws: CloudError.self) { try await change(.over(upstream, clock: self.clock), self.call) }
            #expect(upstream.requests.count == 1 && error?.mayHaveTakenEffect == mayHave)
        }
    }

    @Test("an edit of ports alone, and what ends in the same state, is repeated")
    func repeated() async throws {
        for change in [
            { try await $0.edit(Self.id, MachineEdit(ports: []), call: $1) },
            { try await $0.change(.automaticRenewal(months: 1), of: Self.id, call: $1) },
            { try await $0.cancelJob(UpstreamJobID(rawValue: "j"), call: $1) },
        ] as [@Sendable (NovitaCloud, CloudCall) async throws -> Void] {
            let upstream = FakeUpstream { _, number in number == 0 ? .failed(.connectionLost, sent: true) : .reply(200) }
            try await change(.over(upstream, clock: self.clock), self.call)
            #expect(upstream.requests.count == 2)
        }
    }

    // MARK: Jobs, metrics, access, bill

    @Test("jobs are read in both styles", arguments: [Fixtures.jobsLive, Fixtures.jobsDocumented])
    func jobs(_ body: String) async throws {
        let upstream = FakeUpstream(.reply(200, body))
        let query = UpstreamJobQuery(kind: .migration, createdAfter: Timestamp(seconds: 1_767_220_000))
        let jobs = try await NovitaCloud.over(upstream, clock: self.clock).jobs(query, call: self.call)
        #expect(upstream.paths.first?.hasSuffix("/jobs?pageSize=100&pageNum=1&type=instanceMigrate&startTime=1767220000") == true)
        #expect(
            jobs == [
                UpstreamJob(
                    id: UpstreamJobID(rawValue: "jb-20931"), kind: .saveImage, machineID: Self.id, status: "running",
                    createdAt: Timestamp(seconds: 1_767_229_000)),
                UpstreamJob(
                    id: UpstreamJobID(rawValue: "jb-20932"), kind: .migration, machineID: Self.id, status: "fail", error: "no room",
                    createdAt: Timestamp(seconds: 1_767_229_100)),
            ])
        #expect(jobs.map(\.state) == [.underWay, .failed])
    }

    @Test(
        "each word of a job has one meaning",
        arguments: [
            ("pending", .underWay), ("pulling", .underWay), ("running", .underWay), ("success", .succeeded), ("fail", .failed),
            ("break", .cancelled), ("", .unrecognized), ("paused", .unrecognized),
        ] as [(String, UpstreamJob.State)])
    func states(_ word: String, _ state: UpstreamJob.State) {
        #expect(UpstreamJob(id: UpstreamJobID(rawValue: "j"), kind: nil, machineID: Self.id, status: word).state == state)
    }

    @Test("metrics come from the other base, in both styles", arguments: [Fixtures.metricsLive, Fixtures.metricsDocumented])
    func metrics(_ body: String) async throws {
        let upstream = FakeUpstream(.reply(200, body))
        let end = Timestamp(seconds: 1_767_229_060)
        let window = MetricWindow(start: end - .seconds(5), end: end, interval: .seconds(1))
        let metrics = try await NovitaCloud.over(upstream, clock: self.clock).metrics(of: Self.id, in: window, call: self.call)
        let query = "instanceId=5c1e0a97d2b34f68&startTime=1767229000&endTime=1767229060&interval=15"
        #expect(upstream.paths == ["/openapi/v1/metrics/gpu/instance?\(query)"], "widened to what the provider takes")
        let at = Timestamp(seconds: 1_767_229_000)
        #expect(metrics.cpu == [MetricPoint(at: at, percent: 12.5)])
        #expect(metrics.gpu == GPUMetrics(average: [MetricPoint(at: at, percent: 97)], byGPU: ["0": [MetricPoint(at: at, percent: 97)]]))
        #expect(metrics.memory.isEmpty && metrics.rootDisk.isEmpty && metrics.gpuMemory == GPUMetrics())
    }

    @Test("the ways into a machine are read, and cannot print themselves")
    func access() async throws {
        let upstream = FakeUpstream(.reply(200, Fixtures.access))
        let access = try #require(try await NovitaCloud.over(upstream, clock: self.clock).access(to: Self.id, call: self.call))
        #expect(access.sshCommand == "ssh -p 41822 root@proxy.us-ca-6.gpu-instance.novita.ai" && access.sshPassword == "canary")
        #expect(access.instanceLogAddress == "https://logs.example.test/inst/5c1e" && access.jupyterAddress.isEmpty)
        #expect(!"\(access)".contains("canary") && !String(reflecting: access).contains("canary"))
        var dumped = ""
        dump(access, to: &dumped)
        #expect(!dumped.contains("canary"))
        let gone = FakeUpstream(.refusal(404, "RESOURCE_NOT_FOUND"))
        #expect(try await NovitaCloud.over(gone, clock: self.clock).access(to: Self.id, call: self.call) == nil)
    }

    @Test("a bill counts in 1/10 000 dollars, in both styles", arguments: [#""12345""#, "12345"])
    func bill(_ amount: String) async throws {
        let line =
            #"{"startTime": "1767225600", "endTime": "1767229200", "productName": "RTX 4090 24GB", "ownerID": "m1", "#
            + #""payAmount": \#(amount)}"#
        let upstream = FakeUpstream(.reply(200, #"{"bills": [\#(line), {"productName": "without an amount"}]}"#))
        let start = Timestamp(seconds: 1_767_225_600)
        let lines = try await NovitaCloud.over(upstream, clock: self.clock)
            .bill(from: start, to: start + .seconds(3600), of: UpstreamID(rawValue: "m1"), call: self.call)
        #expect(lines.map(\.amount) == [MicroUSD(micros: 1_234_500)] && lines.first?.start == start)
        #expect(upstream.paths.first?.hasPrefix("/openapi/v1/billing/bill/list?cycleType=Day&productCategory=gpu") == true)
    }
}

extension HTTPRequest {
    var text: String { String(decoding: self.body, as: UTF8.self) }
}
