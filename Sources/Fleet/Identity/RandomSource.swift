internal import Synchronization

/// The one source of randomness, given from outside so that a run can be repeated from its seed.
package final class RandomSource: RandomNumberGenerator, Sendable {
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    package init(_ generator: any RandomNumberGenerator & Sendable) {
        self.generator = Mutex(generator)
    }

    package func next() -> UInt64 {
        self.generator.withLock { $0.next() }
    }
}
