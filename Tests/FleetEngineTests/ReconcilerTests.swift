import Fleet
import FleetEngine
import NovitaSimulator
import Testing

@testable import FleetSimulation

@Suite("Reconciler")
struct ReconcilerTests {
    @Test("A machine stopped elsewhere is shown as stopped, with the reason")
    func external() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            try universe.provider.withSimulator { simulator, now in
                try simulator.stopInstance(universe.firstMachine(&simulator, now), at: now)
            }
            await universe.sleep(.seconds(90))
            let after = try await universe.instance(instance.id)
            #expect(after?.state == .stopped && after?.stateReason == .external && after?.readiness == .notReady)
            #expect(after?.desiredState == .running, "what is wanted is the caller's word")
        }
    }

    @Test("A change on an early page of a long listing is looked into before the last page is there")
    func earlyPage() throws {
        try Universe.play(listPageSize: 1) { universe in
            for number in 1...4 { _ = try await universe.ready(number) }
            try universe.provider.withSimulator { simulator, now in
                try simulator.stopInstance(universe.firstMachine(&simulator, now), at: now)
            }
            let before = universe.trace.lines.count
            await universe.sleep(.seconds(90))
            let calls = universe.trace.lines.dropFirst(before).map(\.text).filter { $0.hasPrefix("provider ") }
            let read = try #require(calls.firstIndex { $0.contains("/gpu/instance ") }, "\(calls)")
            #expect(read < 4 && calls[..<read].allSatisfy { $0.contains("/gpu/instances") }, "\(calls)")
        }
    }

    @Test("A reclaimed spot machine is stopped with the reason RECLAIMED, and stays where nothing is recovered")
    func reclaimed() throws {
        try Universe.play(settings: FleetSettings(spotRecovery: nil)) { universe in
            var spec = InstanceSpec.small
            spec.billingMode = .spot
            let instance = try await universe.ready(1, spec)
            try universe.provider.withSimulator { simulator, now in
                try simulator.reclaimSpot(universe.firstMachine(&simulator, now), at: now)
            }
            await universe.sleep(.seconds(90))
            let after = try await universe.instance(instance.id)
            #expect(after?.state == .stopped && after?.stateReason == .reclaimed)
            #expect(universe.count(of: .deleteInstance(id: "")) == 0)
        }
    }

    @Test("A machine that vanished is called gone only after two direct reads in two sweeps, and nothing is deleted for it")
    func vanished() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            _ = try await universe.ready(2)
            try universe.provider.withSimulator { simulator, now in
                try simulator.vanishInstance(universe.firstMachine(&simulator, now), at: now)
            }
            let reads = universe.count(of: .getInstance(id: ""))
            await universe.sleep(.seconds(100))
            let after = try await universe.instance(instance.id)
            #expect(after?.state == .deleted && after?.stateReason == .vanished)
            #expect(universe.count(of: .getInstance(id: "")) - reads == 2)
            #expect(universe.count(of: .deleteInstance(id: "")) == 0)
        }
    }

    @Test("A listing that is suddenly empty is not believed")
    func suddenlyEmpty() throws {
        try Universe.play { universe in
            var ids: [InstanceID] = []
            for number in 0..<3 { ids.append(try await universe.ready(number).id) }
            let reads = universe.count(of: .getInstance(id: ""))
            universe.arm(ProviderFault(.staleList(lag: .seconds(3600)), on: .listInstances, times: 5))
            await universe.sleep(.seconds(120))
            #expect(universe.count(of: .getInstance(id: "")) == reads, "no absence was looked into")
            for id in ids { #expect(try await universe.instance(id)?.state == .running) }
            let report = await universe.running().monitor.report
            #expect(report.lastSweep?.wasSuspicious == true)
        }
    }

    @Test("A sweep may take longer than one request: each of its pages has that time")
    func slowPages() throws {
        try Universe.play { universe in
            for number in 0..<101 { _ = try universe.rent(named: "not ours \(number)") }
            universe.arm(ProviderFault(.delay, on: .listInstances, times: nil, delay: .seconds(20)))
            await universe.sleep(.seconds(200))
            #expect(await universe.running().monitor.report.lastSweep?.machines == 101)
        }
    }

    @Test("A machine with our token and no record is shown as ORPHANED and never touched")
    func orphan() throws {
        try Universe.play { universe in
            let deployment = try #require(await universe.running().view.deployment)
            let token = OwnershipToken(deployment: deployment.id, instance: InstanceID(rawValue: "i-lost"), attempt: 1)
            let id = try universe.rent(named: token.text)
            await universe.sleep(.seconds(100))
            let orphan = try #require(try await universe.instance(InstanceID(rawValue: "i-lost")))
            #expect(orphan.stateReason == .orphaned && orphan.upstream?.id.rawValue == id)
            #expect(orphan.placement?.hourlyPrice == MicroUSD(micros: 350_000))
            #expect(universe.count(of: .deleteInstance(id: "")) == 0 && universe.count(of: .stopInstance(id: "")) == 0)
            #expect(try await universe.end(of: universe.change(.delete, orphan.id).job).state == .succeeded, "but a command may")
            #expect(universe.ledger.allSatisfy { $0.released != nil })
        }
    }

    @Test("A machine without a record counts with all its GPUs")
    func orphanPrices() throws {
        try Universe.play { universe in
            let deployment = try #require(await universe.running().view.deployment)
            let token = OwnershipToken(deployment: deployment.id, instance: InstanceID(rawValue: "i-four"), attempt: 1)
            _ = try universe.rent(named: token.text, gpuCount: 4)
            await universe.sleep(.seconds(100))
            let four = try #require(try await universe.instance(InstanceID(rawValue: "i-four")))
            #expect(four.placement?.hourlyPrice == MicroUSD(micros: 4 * 350_000) && four.spec.gpuCount == 4)
        }
    }

    @Test("However often somebody asks for a sweep, an empty listing becomes no more credible")
    func commandedSweeps() throws {
        try Universe.play { universe in
            for number in 0..<3 { _ = try await universe.ready(number) }
            let server = await universe.running()
            universe.arm(ProviderFault(.staleList(lag: .seconds(36_000)), on: .listInstances, times: nil))
            let reads = universe.count(of: .getInstance(id: ""))
            for _ in 0...EngineLimits.suspiciousSweepsMax {
                let report = try await server.reconcile(isDryRun: false)
                #expect(report?.wasSuspicious == true && report?.asked == 0)
                await universe.sleep(.seconds(1))
            }
            #expect(universe.count(of: .getInstance(id: "")) == reads)
        }
    }

    @Test("What carries another deployment's token, or none, is somebody else's")
    func foreign() throws {
        try Universe.play { universe in
            _ = await universe.running()
            _ = try universe.rent(named: "otherdeployment1.i-1.1")
            _ = try universe.rent(named: "my own machine")
            await universe.sleep(.seconds(100))
            let server = await universe.running()
            #expect(server.view.livingInstances().instances.isEmpty)
            #expect(server.monitor.report.lastSweep?.foreignMachines == 2)
            #expect(universe.count(of: .deleteInstance(id: "")) == 0)
        }
    }

    @Test("A machine that names us in its environment only is reported as such, counted, and never touched")
    func suspect() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            let deployment = try #require(await universe.running().view.deployment)
            let token = OwnershipToken(deployment: deployment.id, instance: instance.id, attempt: 1)
            _ = try universe.rent(
                named: "a copy", environment: [EnvironmentVariable(key: OwnershipToken.environmentName, value: token.text)])
            #expect(try await universe.end(of: universe.change(.delete, instance.id).job).state == .succeeded)
            await universe.sleep(.seconds(100))
            let server = await universe.running()
            #expect(server.monitor.report.lastSweep?.suspectMachines == 1)
            #expect(universe.trace.all.contains { $0.contains("suspect \(instance.id)") })
            #expect(universe.ledger.map { $0.released == nil } == [false, true])
            #expect(universe.count(of: .deleteInstance(id: "")) == 1)
        }
    }

    @Test("A create that shows after the settle window is found, ended and accounted as waste within a sweep")
    func tooLate() throws {
        try Universe.play { universe in
            universe.arm(ProviderFault(.late(by: .seconds(700)), on: .createInstance, times: 1))
            let reply = try await universe.create(1)
            #expect(try await universe.end(of: reply.job).state == .succeeded)
            await universe.sleep(.seconds(300))
            #expect(universe.ledger.count == 2)
            let late = try #require(universe.ledger.first { $0.released != nil })
            let released = try #require(late.released)
            #expect(released - late.created < .seconds(60))
            let instance = try #require(try await universe.instance(reply.instance.id))
            #expect(instance.state == .running && instance.debts.isEmpty && instance.wastedCost > .zero)
        }
    }
}

extension Universe {
    /// Somebody rents a machine without us.
    func rent(named name: String, gpuCount: Int = 1, environment: [EnvironmentVariable] = []) throws -> String {
        try self.provider.withSimulator { simulator, now in
            var request = CreateRequest(name: name, productID: "4090.16c62g", gpuCount: gpuCount, imageURL: "registry.example/worker:1")
            request.clusterID = "us-ca-6"
            request.environment = environment
            return try simulator.createInstance(request, at: now)
        }
    }
}
