internal import Fleet
internal import NovitaiProto
internal import RPCCore

/// What a watch is of: which changes its caller is told of, and how they travel. A value of one call.
protocol WatchSubject: Sendable {
    associatedtype Object: Sendable
    /// What an event says about its object.
    associatedtype Kind: Hashable, Sendable
    /// An event as it goes into a response.
    associatedtype Encoded: Sendable
    associatedtype Response: RPCMessage

    /// Nil for an event of another kind of objects.
    static func object(of event: Event) -> Object?
    /// Whether a change of the object can concern the caller at all.
    func concerns(_ object: Object) -> Bool
    /// What the caller is shown first, and up to where that is complete.
    mutating func snapshot(of backend: Backend) async throws -> (objects: [Object], revision: Revision)
    /// What the caller, whom it concerns, is told of the change that left the object so; nil when it need not hear of it.
    mutating func kind(of object: Object) -> Kind?

    /// Itself, with what it keeps of each object, which it forgets here: that is handed to and fro, and never to be copied.
    mutating func handOver() -> Self

    static func bytes(_ object: Object) -> Int
    func encodedSnapshot(_ object: Object) throws -> Encoded
    /// - Parameter changeCount: how many changes the event stands for.
    func encoded(_ object: Object, at revision: Revision, changeCount: Int, as kind: Kind) throws -> Encoded
    /// - Parameter token: nil within a snapshot, from where one cannot go on.
    static func response(_ events: [Encoded], token: NovitaiV1.ResumeToken?, isSnapshotComplete: Bool) -> Response
}

extension WatchSubject {
    func concerns(_ event: Event) -> Bool { Self.object(of: event).map { self.concerns($0) } ?? false }
}
