/// What is due when: a binary heap by time, and among equal times by order of arrival, so that a run can be repeated exactly.
struct Timeline<Event: Sendable>: Sendable {
    private struct Entry: Sendable {
        var due: SimulatorTime
        var order: UInt64
        var event: Event

        func precedes(_ other: Entry) -> Bool {
            (self.due, self.order) < (other.due, other.order)
        }
    }

    private var heap: [Entry] = []
    private var nextOrder: UInt64 = 0

    var nextDue: SimulatorTime? { self.heap.first?.due }

    mutating func schedule(_ event: Event, at due: SimulatorTime) {
        self.heap.append(Entry(due: due, order: self.nextOrder, event: event))
        self.nextOrder += 1
        self.siftUp(from: self.heap.count - 1)
    }

    /// Takes the earliest event if it is due at `now` or before.
    mutating func popDue(at now: SimulatorTime) -> (due: SimulatorTime, event: Event)? {
        guard let first = self.heap.first, first.due <= now else { return nil }
        let last = self.heap.removeLast()
        if !self.heap.isEmpty {
            self.heap[0] = last
            self.siftDown(from: 0)
        }
        return (first.due, first.event)
    }

    private mutating func siftUp(from start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.heap[child].precedes(self.heap[parent]) else { return }
            self.heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(from start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < self.heap.count {
                if self.heap[child].precedes(self.heap[least]) { least = child }
            }
            guard least != parent else { return }
            self.heap.swapAt(least, parent)
            parent = least
        }
    }
}
