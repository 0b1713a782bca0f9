internal import Fleet
internal import Synchronization

/// Raises the alarm for machines that should be gone: louder with their age, and once per level.
final class DebtWatch: Sendable {
    private struct Key: Hashable {
        var instance: InstanceID
        var machine: UpstreamID?
    }

    private struct State {
        var levels: [Key: Int] = [:]
        var orphans = 0
    }

    private let state = Mutex(State())

    /// What is to be reported now.
    func look(at instances: [Instance], at now: Timestamp) -> [EngineEvent] {
        let debts = FleetDebts(of: instances)
        return self.state.withLock { state in
            var levels: [Key: Int] = [:]
            var events: [EngineEvent] = []
            for machine in debts.machines {
                let key = Key(instance: machine.instanceID, machine: machine.upstreamID)
                let level = DebtAlarm.level(of: machine, at: now)
                if level > state.levels[key, default: 0] { events.append(.debtOverdue(machine, level: level)) }
                levels[key] = max(level, state.levels[key, default: 0])
            }
            if debts.orphans > 0, debts.orphans != state.orphans { events.append(.orphans(debts.orphans, hourly: debts.orphanedHourly)) }
            state = State(levels: levels, orphans: debts.orphans)
            return events
        }
    }
}
