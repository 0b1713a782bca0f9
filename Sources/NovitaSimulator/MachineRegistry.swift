/// The machines in order of creation, found by id.
struct MachineRegistry: Sendable {
    private var machines: [Machine] = []
    private var sequences: [String: UInt64] = [:]

    var indices: Range<Int> { self.machines.indices }

    /// Changes a machine in place: a getter and a setter would copy it, with its history, at each change.
    subscript(index: Int) -> Machine {
        _read { yield self.machines[index] }
        _modify { yield &self.machines[index] }
    }

    func index(of id: String) -> Int? {
        guard let sequence = self.sequences[id] else { return nil }
        var range = self.machines.indices
        while let middle = range.isEmpty ? nil : range.lowerBound + range.count / 2 {
            let found = self.machines[middle].sequence
            if found == sequence { return middle }
            range = found < sequence ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return nil
    }

    func contains(_ id: String) -> Bool {
        self.sequences[id] != nil
    }

    mutating func append(_ machine: Machine) {
        self.sequences[machine.id] = machine.sequence
        self.machines.append(machine)
    }

    mutating func remove(_ id: String) {
        guard let index = self.index(of: id) else { return }
        self.machines.remove(at: index)
        self.sequences[id] = nil
    }
}
