/// What people have said about the fleet as a whole: durable, and the same for every server on the store.
package struct FleetControl: Hashable, Sendable, Codable {
    /// Creates, starts and automatic stops and deletes rest while people look.
    package struct Freeze: Hashable, Sendable, Codable {
        package var actor: String
        package var reason: String
        package var since: Timestamp

        package init(actor: String, reason: String, since: Timestamp) {
            self.actor = actor
            self.reason = reason
            self.since = since
        }
    }

    /// The database was restored or copied: the provider is read and compared, and nothing is changed until somebody has looked.
    package struct Observation: Hashable, Sendable, Codable {
        package var reason: String
        package var since: Timestamp

        package init(reason: String, since: Timestamp) {
            self.reason = reason
            self.since = since
        }
    }

    /// What is about to be done.
    package enum Action: Hashable, Sendable {
        /// A create or a start: money begins to be spent.
        case begin
        /// A stop or a delete that nobody asked for by a call.
        case endAutomatically
        /// Anything else that a caller asked for, ending included.
        case obey
    }

    package enum Refusal: Hashable, Sendable {
        case frozen(Freeze)
        case observing(Observation)
    }

    package var freeze: Freeze?
    package var observation: Observation?
    /// In order of their types; nil for none.
    package private(set) var pauses: [QueuePause]?
    /// Create calls are numbered above it; nil while the database was never put back. A database from the past does not know which
    /// attempts were made since: so each activation raises the floor to the seconds of its own time, which no earlier one has reached,
    /// not even one that the same backup has forgotten.
    package private(set) var attemptFloor: Int?

    package init(freeze: Freeze? = nil, observation: Observation? = nil) {
        self.freeze = freeze
        self.observation = observation
        self.pauses = nil
        self.attemptFloor = nil
    }

    /// When a database that had been put back was last activated, a second late at most; nil: never.
    package var activatedAt: Timestamp? { self.attemptFloor.map { Timestamp(seconds: Int64($0) + 1) } }

    mutating func raiseAttemptFloor(at now: Timestamp) {
        self.attemptFloor = max(self.attemptFloor ?? 0, Int(now.microseconds / 1_000_000))
    }

    package func pause(of type: JobType) -> QueuePause? { self.pauses?.first { $0.type == type } }

    package mutating func pause(_ type: JobType, by actor: String, reason: String, at now: Timestamp) {
        guard self.pause(of: type) == nil else { return }
        let pauses = (self.pauses ?? []) + [QueuePause(type: type, actor: actor, reason: reason, since: now)]
        self.pauses = pauses.sorted { $0.word < $1.word }
    }

    package mutating func resume(_ type: JobType) {
        let pauses = (self.pauses ?? []).filter { $0.type != type }
        self.pauses = pauses.isEmpty ? nil : pauses
    }

    package func refusal(of action: Action) -> Refusal? {
        if let observation { return .observing(observation) }
        guard let freeze, action != .obey else { return nil }
        return .frozen(freeze)
    }
}

extension FleetControl.Refusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .frozen(let freeze): "the fleet is frozen by \(freeze.actor): \(freeze.reason)"
        case .observing(let observation): "the deployment only observes until it is activated: \(observation.reason)"
        }
    }
}

/// Nothing new of one kind of jobs is begun; what has been asked of the provider is followed to its end.
package struct QueuePause: Hashable, Sendable, Codable {
    /// Kept as it was written: a later release may pause what this one does not know.
    private(set) var word: String
    package var actor: String
    package var reason: String
    package var since: Timestamp

    private enum CodingKeys: String, CodingKey {
        case word = "type"
        case actor, reason, since
    }

    package init(type: JobType, actor: String, reason: String, since: Timestamp) {
        self.word = type.rawValue
        self.actor = actor
        self.reason = reason
        self.since = since
    }
}

extension QueuePause {
    package var type: JobType { JobType(rawValue: self.word) ?? .unrecognized }
}

extension QueuePause: CustomStringConvertible {
    package var description: String { "the queue is paused by \(self.actor): \(self.reason)" }
}
