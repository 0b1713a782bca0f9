import Fleet
import Testing

@testable import FleetSimulation

@Suite("Webhooks through crashes")
struct WebhookRunnerTests {
    @Test(
        "Whatever crashes between a change and its delivery: every event is taken, each under one id, and a silent target delays nobody",
        arguments: Array(UInt64(1)...40))
    func nothingIsLost(_ seed: UInt64) throws {
        let receiver = SimulatedReceiver()
        let scenario = Scenario(seed: seed)
        let finding = try withTemporaryDirectory { try Universe(scenario, directory: $0, receiver: receiver).run() }
        #expect(finding.violations.isEmpty)
        let begunAt = try #require(receiver.begunAt)
        var marks = receiver.begunWith
        var wanted: Set<SimulatedReceiver.Taken> = []
        for event in finding.events where event.revision > begunAt {
            guard case .instance(let instance) = event.object else { continue }
            for event in marks[instance.id, default: WebhookMark()].events(of: instance, history: HistoryID(rawValue: "h")) {
                wanted.insert(SimulatedReceiver.Taken(instance: instance.id, sequence: event.sequence, type: event.type))
            }
        }
        #expect(Set(receiver.taken.values) == wanted)
        #expect(receiver.taken.count == wanted.count, "an event has one id")
    }
}
