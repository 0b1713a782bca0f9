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
        let (finding, endedAt) = try withTemporaryDirectory { directory in
            let universe = Universe(scenario, directory: directory, receiver: receiver)
            return (try universe.run(), universe.clock.now)
        }
        #expect(finding.violations.isEmpty)
        let begunAt = try #require(receiver.begunAt)
        var marks = receiver.begunWith
        // What happens in the last minutes, as when a policy ends a machine, may still be on its way.
        var (wanted, recent): (Set<SimulatedReceiver.Taken>, Set<SimulatedReceiver.Taken>) = ([], [])
        for event in finding.events where event.revision > begunAt {
            guard case .instance(let instance) = event.object else { continue }
            let isRecent = instance.updatedAt > endedAt - .seconds(600)
            for event in marks[instance.id, default: WebhookMark()].events(of: instance, history: HistoryID(rawValue: "h")) {
                let taken = SimulatedReceiver.Taken(instance: instance.id, sequence: event.sequence, type: event.type)
                if isRecent { recent.insert(taken) } else { wanted.insert(taken) }
            }
        }
        let taken = Set(receiver.taken.values)
        #expect(wanted.subtracting(taken) == [] && taken.isSubset(of: wanted.union(recent)))
        #expect(receiver.taken.count == taken.count, "an event has one id")
    }
}
