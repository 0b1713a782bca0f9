internal import Fleet
internal import NovitaiProto
internal import RPCCore
internal import Synchronization

/// One commit on its way to all the watches of a kind that are up to date, at one of their homes: what it means to each of them is encoded once
/// for all to whom it means the same.
final class LiveBatch<Subject: WatchSubject>: Sendable {
    /// One object as the commit leaves it. By reference: an object has many fields, and thousands look at it.
    final class Change: Sendable {
        let revision: Revision
        let object: Subject.Object

        init(_ revision: Revision, _ object: Subject.Object) {
            self.revision = revision
            self.object = object
        }
    }

    /// What some watches are told of each of the changes; nil where they are told nothing.
    enum Selection: Equatable {
        /// Most commits change one object, and for that thousands of watches need no list.
        case one(Subject.Kind?)
        case several([Subject.Kind?])

        var isEmpty: Bool {
            switch self {
            case .one(let kind): kind == nil
            case .several(let kinds): kinds.allSatisfy { $0 == nil }
            }
        }

        fileprivate var kinds: [Subject.Kind?] {
            switch self {
            case .one(let kind): [kind]
            case .several(let kinds): kinds
            }
        }
    }

    /// The commit brings whoever has everything up to `start` up to `end`.
    let start: Revision
    let end: Revision
    let changes: [Change]
    /// Whether all the changes together fit one message.
    let isSmall: Bool
    private let responses = Mutex<[(selection: Selection, message: [UInt8])]>([])

    /// Different selections whose responses are kept while the batch is delivered: watches mostly ask for the same.
    private static var keptMax: Int { 16 }

    init(_ events: [Event], from start: Revision, to end: Revision) {
        self.start = start
        self.end = end
        self.changes = events.compactMap { event in Subject.object(of: event).map { Change(event.revision, $0) } }
        self.isSmall = WatchChunks.ranges(of: self.changes, bytes: { Subject.bytes($0.object) }).count <= 1
    }

    /// What a caller who has everything up to `position` is told.
    func selection(by subject: inout Subject, after position: Revision) -> Selection {
        if self.changes.count == 1 { return .one(Self.kind(of: self.changes[0], by: &subject, after: position)) }
        return .several(self.changes.map { Self.kind(of: $0, by: &subject, after: position) })
    }

    private static func kind(of change: Change, by subject: inout Subject, after position: Revision) -> Subject.Kind? {
        change.revision > position && subject.concerns(change.object) ? subject.kind(of: change.object) : nil
    }

    /// The response to a selection, when a watch has been given it already. With the prefix with which it travels.
    func message(for selection: Selection) -> [UInt8]? {
        self.responses.withLock { responses in responses.first { $0.selection == selection }?.message }
    }

    /// The response to a selection with something in it, made here.
    func makeMessage(for selection: Selection, by subject: Subject, token: NovitaiV1.ResumeToken) throws -> [UInt8] {
        var events: [Subject.Encoded] = []
        for (change, kind) in zip(self.changes, selection.kinds) {
            guard let kind else { continue }
            events.append(try subject.encoded(change.object, at: change.revision, changeCount: 1, as: kind))
        }
        let message = try Subject.response(events, token: token, isSnapshotComplete: false).framed()
        self.responses.withLock { if $0.count < Self.keptMax { $0.append((selection, message)) } }
        return message
    }
}
