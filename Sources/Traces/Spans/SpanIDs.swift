internal import Synchronization

/// Makes ids, without a lock: the sequence is SplitMix64's, whose state moves by a constant, so that one atomic addition takes the next place.
///
/// Ids must not collide, and need not be unguessable. The start and a key of 64 bits each keep two processes apart.
final class SpanIDs: Sendable {
    private static let step: UInt64 = 0x9e37_79b9_7f4a_7c15

    private let place: Atomic<UInt64>
    private let key: UInt64

    init(using random: inout some RandomNumberGenerator) {
        self.place = Atomic(random.next())
        self.key = random.next()
    }

    func nextTrace() -> TraceID {
        while true {
            if let id = TraceID(high: self.next() ^ self.key, low: self.next()) { return id }
        }
    }

    func nextSpan() -> SpanID {
        while true {
            if let id = SpanID(self.next()) { return id }
        }
    }

    private func next() -> UInt64 {
        var number = self.place.wrappingAdd(Self.step, ordering: .relaxed).newValue
        number = (number ^ (number >> 30)) &* 0xbf58_476d_1ce4_e5b9
        number = (number ^ (number >> 27)) &* 0x94d0_49bb_1331_11eb
        return number ^ (number >> 31)
    }
}
