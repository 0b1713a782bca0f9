package import Fleet
import Synchronization

/// Remembers what it was told, in order.
package final class RecordingFollower: LogFollower {
    private let recorded = Mutex<[Event]>([])

    package init() {}

    package var events: [Event] { self.recorded.withLock { $0 } }

    private let said = Mutex<[FleetControl]>([])
    package var controls: [FleetControl] { self.said.withLock { $0 } }

    package func controlChanged(to control: FleetControl) {
        self.said.withLock { $0.append(control) }
    }

    package func committed(_ events: [Event]) {
        self.recorded.withLock { $0 += events }
    }
}

/// What a server's read model does with a snapshot and the events after it.
package struct Replay: Hashable {
    package private(set) var instances: [InstanceID: Instance]
    package private(set) var jobs: [JobID: Job]

    package init(_ snapshot: Snapshot) {
        self.instances = Dictionary(uniqueKeysWithValues: snapshot.instances.map { ($0.id, $0) })
        self.jobs = Dictionary(uniqueKeysWithValues: snapshot.jobs.map { ($0.id, $0) })
    }

    package mutating func apply(_ events: [Event]) {
        for event in events {
            switch event.object {
            case .instance(let instance): self.instances[instance.id] = instance.isLiving ? instance : nil
            case .job(let job): self.jobs[job.id] = job.state.isFinal ? nil : job
            }
        }
    }
}
