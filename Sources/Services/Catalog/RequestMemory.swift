internal import Fleet
internal import Synchronization

/// Which payload a request id was used for, where the store keeps none: so that an id that comes again with something else is told. It
/// is a help against mistakes and nothing more: what is made is kept from being made twice by its name, and a restart forgets all.
final class RequestMemory: Sendable {
    /// The oldest are forgotten beyond.
    private static let keptMax = 10_000

    private struct State {
        var digests: [RequestKey: [UInt8]] = [:]
        var order: [RequestKey] = []
        /// Where the oldest is in `order`, once that is full.
        var oldest = 0
    }

    private let state = Mutex(State())

    init() {}

    /// - Throws: `requestIDReused` when the id stands for another payload.
    func check(_ key: RequestKey, _ digest: [UInt8]) throws(FleetError) {
        guard let known = self.state.withLock({ $0.digests[key] }), known != digest else { return }
        throw FleetError(.requestIDReused, "request id \(key.requestID) was used before with another payload")
    }

    /// From now on the id stands for this payload.
    func note(_ key: RequestKey, _ digest: [UInt8]) {
        self.state.withLock { state in
            guard state.digests.updateValue(digest, forKey: key) == nil else { return }
            guard state.order.count == Self.keptMax else { return state.order.append(key) }
            state.digests[state.order[state.oldest]] = nil
            state.order[state.oldest] = key
            state.oldest = (state.oldest + 1) % Self.keptMax
        }
    }
}
