import CurlClient
import Fleet
import NovitaSimulator
import NovitaSimulatorHTTP
import Testing

@testable import NovitaCloud

/// The rest of the API, over HTTP, with the simulated provider.
@Suite("Changes against the simulated provider")
struct SimulatedChangesTests {
    private func style(_ isDocumented: Bool) -> WireStyle {
        var style = WireStyle()
        style.usesDocumentedNumbers = isDocumented
        style.writesTotalAsString = !isDocumented
        style.hasEmptyBodies = !isDocumented
        style.hasUnknownFields = true
        style.saysPending = true
        return style
    }

    private func created(_ world: World) async throws -> UpstreamID {
        guard case .created(let id) = await world.cloud.create(.simulated, call: world.call) else { throw CancellationError() }
        return id
    }

    @Test("edit, upgrade, save image, metrics and access of a machine that runs", arguments: [false, true])
    func running(_ isDocumented: Bool) async throws {
        try await World.run(style: self.style(isDocumented)) { world in
            let id = try await self.created(world)
            #expect(try await world.cloud.machine(id, call: world.call)?.status == "pending")
            world.advance(300)
            let ports = [PortSpec(port: 22, protocol: .tcp), PortSpec(port: 6006, protocol: .http)]
            try await world.cloud.edit(id, MachineEdit(ports: ports, addedDiskGB: 10), call: world.call)
            #expect(try await world.cloud.machine(id, call: world.call)?.endpoints.map(\.port) == [22, 6006])

            let access = try #require(try await world.cloud.access(to: id, call: world.call))
            #expect(access.sshCommand.hasPrefix("ssh -p ") && access.sshPassword.count == 16 && !access.instanceLogAddress.isEmpty)

            let now = Timestamp(seconds: 1_767_225_600 + 300)
            let window = MetricWindow(start: now - .seconds(600), end: now)
            let metrics = try await world.cloud.metrics(of: id, in: window, call: world.call)
            #expect(metrics.gpu.average.last?.percent == 60 && metrics.gpu.byGPU.count == 2 && !metrics.cpu.isEmpty)

            let job = try await world.cloud.saveImage(of: id, to: "team/saved:1", registryCredentialID: "", call: world.call)
            #expect(try await world.cloud.jobs(UpstreamJobQuery(id: job), call: world.call).map(\.state) == [.underWay])
            try await world.cloud.cancelJob(job, call: world.call)
            #expect(try await world.cloud.jobs(UpstreamJobQuery(kind: .saveImage), call: world.call).map(\.state) == [.cancelled])
            #expect(try await world.cloud.jobs(UpstreamJobQuery(kind: .migration), call: world.call).isEmpty)

            let upgrade = MachineUpgrade(token: MachineOrder.token, image: "team/image:2")
            try await world.cloud.upgrade(id, upgrade, call: world.call)
            #expect(try await world.cloud.machine(id, call: world.call)?.status == "toReset")
            world.advance(300)
            let machine = try await world.cloud.machine(id, call: world.call)
            #expect(machine?.status == "running" && machine?.token == MachineOrder.token)
        }
    }

    @Test("a stopped machine is moved, and a job tells when that failed", arguments: [false, true])
    func migrate(_ fails: Bool) async throws {
        try await World.run { world in
            let id = try await self.created(world)
            world.advance(300)
            try await world.cloud.stop(id, call: world.call)
            world.advance(60)
            if fails { world.simulator.withSimulator { simulator, _ in simulator.arm(Mishap(.failedMigration)) } }
            try await world.cloud.migrate(id, call: world.call)
            world.advance(900)
            let jobs = try await world.cloud.jobs(UpstreamJobQuery(kind: .migration), call: world.call)
            #expect(jobs.map(\.state) == [fails ? .failed : .succeeded] && jobs.map(\.machineID) == [id])
            #expect(try await world.cloud.machine(id, call: world.call)?.status == (fails ? "migrating" : "running"))
        }
    }

    @Test("a machine becomes a monthly one, is renewed, and is then not deleted; the bill says what it cost")
    func terms() async throws {
        try await World.run { world in
            var order = MachineOrder.simulated
            order.placement.billingMode = .onDemand
            guard case .created(let id) = await world.cloud.create(order, call: world.call) else { throw CancellationError() }
            world.advance(300)
            for terms in [
                .monthly(months: 1), .renewal(months: 1), .automaticRenewal(months: 2), .automaticRenewal(months: nil),
                .automaticMigration(isOn: true, includesSystemDisk: true),
            ] as [MachineTerms] {
                try await world.cloud.change(terms, of: id, call: world.call)
            }
            let error = await #expect(throws: CloudError.self) { try await world.cloud.delete(id, call: world.call) }
            #expect(error?.code == .money)
            let start = Timestamp(seconds: 1_767_225_600)
            let bill = try await world.cloud.bill(from: start, to: start + .seconds(3600), of: id, call: world.call)
            #expect(bill.map(\.machineID) == [id])
            #expect((bill.first?.amount.micros ?? 0) > 2 * 2 * 220_000_000)
        }
    }
}
