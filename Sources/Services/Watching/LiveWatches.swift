internal import Fleet
internal import RPCCore
internal import Synchronization

/// The watches of one kind that are up to date, gathered by the thread where their calls are at home. A commit costs one turn of each thread, and
/// for each watch no more than the sending: no task wakes, and a thread encodes nothing twice. A commit that changes nothing of the kind costs
/// nothing.
final class LiveWatches<Subject: WatchSubject>: Sendable {
    /// The watches of one thread.
    private final class Room: Sendable {
        let home: any CallHome
        /// By their identity: bookmarks let all of thousands leave in the same moment.
        let watches = Mutex<[ObjectIdentifier: LiveWatch<Subject>]>([:])

        init(_ home: any CallHome) { self.home = home }
    }

    private let view: View
    private let clock: any Clock
    /// One for each thread that ever had a watch: as many as the server has event loops.
    private let rooms = Mutex<[ObjectIdentifier: Room]>([:])
    /// Since when nothing of the kind has changed; nil when the last commit changed something.
    private let unchangedSince = Mutex<Revision?>(nil)

    init(_ view: View, clock: any Clock) {
        self.view = view
        self.clock = clock
        view.listen { [weak self] events, start, end in self?.deliver(events, from: start, to: end) }
    }

    /// Gives the watch every commit from here on.
    ///
    /// - Returns: false when there has been one that it has not been given.
    func join(_ watch: LiveWatch<Subject>, at home: any CallHome) -> Bool {
        self.room(of: home).watches.withLock { $0[watch.id] = watch }
        // What is committed after this look finds the watch in its room; what was committed before it shows now.
        return self.view.revision <= watch.position
    }

    func leave(_ watch: LiveWatch<Subject>, at home: any CallHome) {
        _ = self.room(of: home).watches.withLock { $0.removeValue(forKey: watch.id) }
    }

    private func room(of home: any CallHome) -> Room {
        self.rooms.withLock { rooms in
            if let known = rooms[ObjectIdentifier(home)] { return known }
            let room = Room(home)
            rooms[ObjectIdentifier(home)] = room
            return room
        }
    }

    private func deliver(_ events: [Event], from start: Revision, to end: Revision) {
        let isChange = events.contains { Subject.object(of: $0) != nil }
        let start = self.unchangedSince.withLock { since in
            let first = since ?? start
            since = isChange ? nil : first
            return first
        }
        guard isChange else { return }
        // Each thread makes its own batch: what thousands of watches look at one after another is then in no other thread's cache.
        for room in self.rooms.withLock({ Array($0.values) }) {
            room.home.execute { self.deliver(LiveBatch(events, from: start, to: end), in: room) }
        }
    }

    private func deliver(_ batch: LiveBatch<Subject>, in room: Room) {
        let now = self.clock.now
        let overtaken = room.watches.withLock { watches in
            var overtaken: Set<ObjectIdentifier> = []
            for watch in watches.values where !watch.take(batch, at: now) { overtaken.insert(watch.id) }
            for id in overtaken { watches[id] = nil }
            return overtaken
        }
        if !overtaken.isEmpty { self.view.call(overtaken) }
    }
}
