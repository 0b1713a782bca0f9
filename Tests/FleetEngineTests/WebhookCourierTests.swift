import Fleet
import FleetEngine
import SQLiteStore
import Testing

@testable import FleetSimulation

@Suite("Couriers of webhooks")
struct WebhookCourierTests {
    @Test("While the store cannot write what came of an attempt, nothing is sent again; and then it is written")
    func unwritable() throws {
        let receiver = SimulatedReceiver()
        try Universe.play(receiver: receiver) { universe in
            let instance = try await universe.ready()
            await universe.sleep(.seconds(60))
            receiver.isUnwritable = true
            let before = receiver.sent
            _ = try await universe.end(of: universe.change(.stop, instance.id).job)
            await universe.sleep(.seconds(300))
            let during = receiver.sent.filter { before[$0.key] == nil }
            #expect(!during.isEmpty && during.values.allSatisfy { $0 == 1 }, "\(during)")
            receiver.isUnwritable = false
            await universe.sleep(.seconds(60))
            let store = await universe.running().store.inner
            #expect(try await store.pendingWebhooks()[SimulatedReceiver.target.id] == nil)
        }
    }

    @Test("A receiver that hangs over one delivery gets the others meanwhile")
    func hanging() throws {
        let receiver = SimulatedReceiver()
        receiver.hangsOver = "instance.provisioning"
        try Universe.play(receiver: receiver) { universe in
            // What is made before the log is first read is no event.
            for _ in 0..<60 where receiver.begunAt == nil { await universe.sleep(.seconds(1)) }
            let instance = try await universe.ready()
            await universe.sleep(.seconds(30))
            let types = Set(receiver.taken.values.filter { $0.instance == instance.id }.map(\.type))
            #expect(types.isSuperset(of: ["instance.pending", "instance.running", "instance.ready"]))
            #expect(!types.contains("instance.provisioning"))
        }
    }
}
