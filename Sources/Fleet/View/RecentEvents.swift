/// The newest events of the log, for watchers that are nearly up to date.
struct RecentEvents {
    /// Events kept. A watcher further behind reads the durable log.
    static let limit = 8192

    /// A ring once it is full; `start` is then the oldest.
    private var ring: [Event] = []
    private var start = 0
    /// Every event after this one is here.
    private(set) var floor: Revision

    init(after floor: Revision) {
        self.floor = floor
    }

    mutating func append(_ event: Event) {
        guard self.ring.count == Self.limit else { return self.ring.append(event) }
        self.floor = self.ring[self.start].revision
        self.ring[self.start] = event
        self.start = (self.start + 1) % Self.limit
    }

    /// Events after `revision`, oldest first; nil when some of them are no longer here.
    func after(_ revision: Revision) -> [Event]? {
        guard revision >= self.floor else { return nil }
        return (self.firstPosition(after: revision)..<self.ring.count).map { self[$0] }
    }

    private subscript(position: Int) -> Event {
        self.ring[(self.start + position) % self.ring.count]
    }

    /// Binary search: revisions grow.
    private func firstPosition(after revision: Revision) -> Int {
        var low = 0
        var high = self.ring.count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
