internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Whether a loop has come to its sockets since it was last asked: it looks at them between two ticks, and a tick goes on for as long as there are
/// tasks, those that other threads bring meanwhile included.
///
/// A task that is scheduled for a little later is no way to let the sockets have their turn: it is run in the same tick when that still lasts then.
final class LoopTicks: NIOEventLoopMetricsDelegate {
    /// Loops whose tick is still the one in which they asked.
    private let asked = Mutex<Set<ObjectIdentifier>>([])
    /// How many these are: most ticks end without a look at the set.
    private let askedCount = Atomic<Int>(0)

    func processedTick(info: NIOEventLoopTickInfo) { self.tickEnded(of: info.eventLoopID) }

    func tickEnded(of loop: ObjectIdentifier) {
        guard self.askedCount.load(ordering: .relaxed) > 0 else { return }
        let hasAsked = self.asked.withLock { $0.remove(loop) != nil }
        if hasAsked { self.askedCount.wrappingSubtract(1, ordering: .relaxed) }
    }

    /// Whether this is the first time in its tick that the loop asks. To be called on it.
    func isFirstAsking(of loop: any EventLoop) -> Bool {
        let isFirst = self.asked.withLock { $0.insert(ObjectIdentifier(loop)).inserted }
        if isFirst { self.askedCount.wrappingAdd(1, ordering: .relaxed) }
        return isFirst
    }
}
