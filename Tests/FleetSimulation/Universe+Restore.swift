import Fleet
import FleetEngine
import Foundation
import NovitaSimulator
import SQLiteStore
import Synchronization

/// What a backup that was put back has left of a fleet that had gone on since.
struct RestoredFinding: Sendable {
    var violations: [String] = []
    var trace: [Trace.Line] = []
    /// Machines that somebody used when it was put back.
    var machinesInUse = 0
    /// The backup held that another machine was being made in the place of one.
    var wasReplacing = false
}

/// A backup is put back while its customers are there, and activated: nothing that anybody uses may go, nothing may be bought, and nothing
/// that runs may be unknown. Then somebody deletes all of it.
extension Universe {
    private var backupPath: String { "\(self.path).backup" }

    /// So long until all has come to an end: more than any job may take.
    private static let patience: Duration = .seconds(4 * 3600)

    func runRestored() throws -> RestoredFinding {
        var finding = RestoredFinding()
        self.provider.phase.withLock { $0 = { [weak self] in self?.reached($0, crashWithin: 3) } }
        try self.boot()
        self.planCrash()
        let neighbour = Neighbour(universe: self)
        let tasks = self.startCustomers() + [Task(executorPreference: self.executor) { await neighbour.run() }]
        try self.pass(self.dice.seconds(0...400))
        try self.copyDatabase()
        finding.wasReplacing = self.living.contains { $0.replacement != nil }
        try self.pass(self.dice.seconds(0...1200))
        let (inUse, putBackAt) = (self.machinesInUse, self.clock.now)
        finding.machinesInUse = inUse.count
        self.trace.add("an older backup is put back")
        self.crashAndPutBack()
        try self.pass(self.dice.seconds(0...300))
        try self.activate()
        self.provider.withSimulator { simulator, _ in simulator.clearFaults() }
        // Whatever was under way shows by then, and is found.
        try self.pass(Scenario.settleWindow + Scenario.threeSweeps)
        self.endCrashes()
        // A listing without half of what is known is doubted for so many sweeps; each server counts anew.
        try self.pass(self.scenario.settings.pollInterval * EngineLimits.suspiciousSweepsMax + Scenario.threeSweeps)
        let isAtRest = try self.reaches { $0.unfinishedJobs().jobs.isEmpty }
        if !isAtRest { finding.violations.append("unfinished: \(self.unfinished)") }
        finding.violations += self.lost(of: inUse) + self.bought(since: putBackAt) + self.unknown(besides: neighbour.machines)
        // A record that was lost may be found again by what a neighbour has copied of its machine: the operator sees whose that is.
        let theirs = Set(neighbour.machines.map { UpstreamID(rawValue: $0.id) })
        try self.deleteAll(besides: theirs)
        let isEmpty = try self.reaches { view in view.livingInstances().instances.allSatisfy { $0.isHeld(by: theirs) } }
        if !isEmpty { finding.violations.append("not all could be deleted: \(self.living)") }
        finding.violations += self.ours(besides: neighbour.machines).map { "machine \($0.id) of \($0.name) is never released" }
        self.server?.beginGracefulShutdown()
        try self.drain { self.server?.hasEnded == true }
        self.server?.crash()
        for task in tasks { task.cancel() }
        try self.drain { self.servers.allSatisfy(\.hasEnded) }
        self.dismantle()
        finding.trace = self.trace.lines
        return finding
    }

    // MARK: What happens

    /// At least so long, and until a server is up.
    private func pass(_ duration: Duration) throws {
        let end = self.clock.now + duration
        self.clock.schedule(at: end) {}
        try self.drain { self.clock.now >= end && self.server?.isServing == true }
    }

    /// Whether it comes to that in time.
    private func reaches(_ isSo: (View) -> Bool) throws -> Bool {
        let end = self.clock.now + Self.patience
        self.clock.schedule(at: end) {}
        func isReached() -> Bool { self.server.map { $0.isServing && isSo($0.view) } ?? false }
        try self.drain { self.clock.now >= end || isReached() }
        return isReached()
    }

    private func copyDatabase() throws {
        guard let server = self.server else { throw Stuck(reason: "no server") }
        _ = try server.store.inner.core.checkpoint(.truncating)
        try FileManager.default.copyItem(atPath: self.path, toPath: self.backupPath)
        self.trace.add("the database is copied")
    }

    /// As a file of its own: the place on the disk of the one before may be given to what is made after it.
    func putBack() throws {
        let files = FileManager.default
        try files.copyItem(atPath: self.backupPath, toPath: self.path + ".new")
        for suffix in ["", "-wal"] where files.fileExists(atPath: self.path + suffix) { try files.removeItem(atPath: self.path + suffix) }
        try files.moveItem(atPath: self.path + ".new", toPath: self.path)
    }

    private func activate() throws {
        let caller = FleetGovernor.Caller(
            actor: "operator", request: RequestKey(tenant: .default, method: "ActivateDeployment", requestID: "1"), payloadDigest: [1])
        try self.result {
            while true {
                let server = await self.running()
                if server.view.control.observation != nil, let deployment = server.view.deployment,
                    (try? await server.governor.activate(deployment.id, reason: "looked", by: caller)) != nil
                {
                    return
                }
                if server.view.control.activatedAt != nil { return }
                await self.sleep(.seconds(1))
            }
        }
    }

    private func deleteAll(besides theirs: Set<UpstreamID>) throws {
        for instance in self.living where !instance.isHeld(by: theirs) {
            try self.result {
                while (try? await self.change(.delete, instance.id, requestID: "end")) == nil { await self.sleep(.seconds(1)) }
            }
        }
    }

    // MARK: What is there

    private var living: [Instance] { self.server?.view.livingInstances().instances ?? [] }

    private var unfinished: [String] {
        (self.server?.view.unfinishedJobs().jobs ?? []).map { "\($0.id) \($0.type) \($0.step.name): \($0.progress)" }
    }

    /// Of instances that nobody wants gone.
    private var machinesInUse: Set<String> {
        Set(self.living.filter { $0.desiredState != .deleted && !$0.state.isFinal }.compactMap { $0.upstream?.id.rawValue })
    }

    private func ours(besides neighbours: [Neighbour.Machine]) -> [LedgerEntry] {
        let theirs = Set(neighbours.map(\.id))
        return self.ledger.filter { $0.released == nil && !theirs.contains($0.id) }
    }

    private func lost(of inUse: Set<String>) -> [String] {
        self.ledger.filter { inUse.contains($0.id) && $0.released != nil }
            .map { "machine \($0.id) of \($0.name), which was in use, is gone" }
    }

    private func bought(since time: Timestamp) -> [String] {
        self.trace.lines.filter { $0.at > time && $0.text.hasPrefix("create called") }.map { "after the backup was put back: \($0.text)" }
    }

    private func unknown(besides neighbours: [Neighbour.Machine]) -> [String] {
        let standing = self.ours(besides: neighbours)
        let known = Set(self.living.flatMap { $0.debts.map(\.upstreamID.rawValue) + [$0.upstream?.id.rawValue ?? ""] })
        let theirs = Set(neighbours.map { UpstreamID(rawValue: $0.id) })
        let gone = self.living.filter { instance in
            !instance.state.isFinal && !instance.isHeld(by: theirs) && !standing.contains { $0.id == instance.upstream?.id.rawValue }
        }
        return standing.filter { !known.contains($0.id) }.map { "machine \($0.id) of \($0.name) is not known" }
            + gone.map { "\($0.id) is \($0.state) without a machine" }
    }
}

extension Instance {
    /// Its machine is one of those.
    fileprivate func isHeld(by machines: Set<UpstreamID>) -> Bool { self.upstream.map { machines.contains($0.id) } ?? false }
}
