import NovitaSimulator
import Synchronization

/// All the randomness of one simulated run.
final class Dice: RandomNumberGenerator, Sendable {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) {
        self.generator = Mutex(SeededGenerator(seed: seed))
    }

    func next() -> UInt64 {
        self.generator.withLock { $0.next() }
    }

    func chance(_ probability: Double) -> Bool {
        Double(self.next() >> 11) * 0x1p-53 < probability
    }

    func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(self.next() % UInt64(range.count))
    }

    func milliseconds(_ range: ClosedRange<Int>) -> Duration {
        .milliseconds(self.number(range))
    }

    func seconds(_ range: ClosedRange<Int>) -> Duration {
        .seconds(self.number(range))
    }
}
