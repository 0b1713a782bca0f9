internal import Synchronization

/// Counts the open streams of everybody and of each person.
final class StreamSlots: Sendable {
    /// Held by an open stream; letting go of it frees the place.
    final class Slot: Sendable {
        private let slots: StreamSlots
        private let person: String

        fileprivate init(_ slots: StreamSlots, _ person: String) {
            self.slots = slots
            self.person = person
        }

        deinit { self.slots.free(self.person) }
    }

    private let open = Mutex<[String: Int]>([:])

    /// - Returns: nil when there are as many as there may be.
    func take(for person: String) -> Slot? {
        let isFree = self.open.withLock { open in
            guard open.values.reduce(0, +) < ConsoleLimits.streamsMax, open[person, default: 0] < ConsoleLimits.streamsOfOnePersonMax else {
                return false
            }
            open[person, default: 0] += 1
            return true
        }
        return isFree ? Slot(self, person) : nil
    }

    private func free(_ person: String) {
        self.open.withLock { open in
            guard let count = open[person] else { return }
            open[person] = count > 1 ? count - 1 : nil
        }
    }

    var count: Int { self.open.withLock { $0.values.reduce(0, +) } }
}
