import DequeModule
import Fleet

/// Operations that wait for the store's thread, bounded by count and bytes. A value: the thread keeps it behind a lock.
///
/// It is open, then closing (what was accepted is still done), then closed.
struct OperationQueue {
    struct Entry: Sendable {
        let item: BatchItem
        let submittedAt: ContinuousClock.Instant
    }

    enum Admission: Equatable {
        /// `wakes`: the thread sleeps and has to be told.
        case accepted(wakes: Bool)
        case refused(StoreError)
    }

    enum Next {
        case group([Entry])
        /// Nothing waits; the thread may sleep.
        case nothing
        /// Nothing waits, and nothing will come any more.
        case end
    }

    private let limits: SQLiteLimits
    private var entries = Deque<Entry>()
    private var bytes = 0
    private var isSleeping = false
    private var isClosing = false

    var count: Int { self.entries.count }

    init(limits: SQLiteLimits) {
        self.limits = limits
    }

    mutating func append(_ item: BatchItem, at now: ContinuousClock.Instant) -> Admission {
        guard !self.isClosing else { return .refused(.unavailable("the store is closed")) }
        guard self.entries.count < self.limits.queuedOperationsMax, self.bytes + item.bytes <= self.limits.queuedBytesMax else {
            return .refused(.unavailable("too many operations wait for the store"))
        }
        self.entries.append(Entry(item: item, submittedAt: now))
        self.bytes += item.bytes
        return .accepted(wakes: self.wake())
    }

    /// The longest group that keeps the limits, in order of arrival; never less than one operation.
    mutating func next() -> Next {
        guard !self.entries.isEmpty else {
            self.isSleeping = !self.isClosing
            return self.isClosing ? .end : .nothing
        }
        var group: [Entry] = []
        var groupBytes = 0
        while let entry = self.entries.first, group.isEmpty || self.fits(entry, size: group.count, bytes: groupBytes) {
            groupBytes += entry.item.bytes
            group.append(self.entries.removeFirst())
        }
        self.bytes -= groupBytes
        return .group(group)
    }

    /// Accepts nothing more.
    ///
    /// - Returns: whether the thread has to be woken.
    mutating func close() -> Bool {
        self.isClosing = true
        return self.wake()
    }

    private func fits(_ entry: Entry, size: Int, bytes: Int) -> Bool {
        size < self.limits.groupOperationsMax && bytes + entry.item.bytes <= self.limits.groupBytesMax
    }

    private mutating func wake() -> Bool {
        defer { self.isSleeping = false }
        return self.isSleeping
    }
}
