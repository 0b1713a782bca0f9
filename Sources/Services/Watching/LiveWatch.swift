internal import Fleet
internal import RPCCore
internal import Synchronization

/// A watch while it is up to date: it is given each commit where its call is at home, and its task sleeps. It is overtaken when it cannot be given
/// one as it is; its task then goes on by itself.
final class LiveWatch<Subject: WatchSubject>: Sendable {
    struct State: Sendable {
        var subject: Subject
        /// Everything up to here has been sent.
        var position: Revision
        var lastSentAt: Timestamp
        var isOvertaken = false
    }

    private let state: Mutex<State>
    private let writer: PromptWriter
    private let options: WatchOptions

    init(_ state: State, _ options: WatchOptions, _ writer: PromptWriter) {
        self.state = Mutex(state)
        self.options = options
        self.writer = writer
    }

    var id: ObjectIdentifier { ObjectIdentifier(self) }
    var position: Revision { self.state.withLock { $0.position } }
    var isOvertaken: Bool { self.state.withLock { $0.isOvertaken } }
    var bookmarkDue: Timestamp { self.options.bookmarkDue(after: self.state.withLock { $0.lastSentAt }) }

    /// What the watch has come to. To be called once, when it has left.
    func takeBack() -> State {
        self.state.withLock { state in
            State(subject: state.subject.handOver(), position: state.position, lastSentAt: state.lastSentAt, isOvertaken: state.isOvertaken)
        }
    }

    /// Sends what the batch means to the watch. To be called at the call's home.
    ///
    /// - Returns: false when the watch is overtaken: nothing has been sent, and it is not to be given any more.
    func take(_ batch: LiveBatch<Subject>, at now: Timestamp) -> Bool {
        self.state.withLock { state in
            let isTaken = state.position >= batch.end || self.take(batch, at: now, &state)
            state.isOvertaken = !isTaken
            return isTaken
        }
    }

    private func take(_ batch: LiveBatch<Subject>, at now: Timestamp, _ state: inout State) -> Bool {
        guard state.position >= batch.start else { return false }
        var isConcerned = false
        // In place: to hand the subject to a function would copy it.
        for change in batch.changes where change.revision > state.position && state.subject.concerns(change.object) {
            isConcerned = true
            break
        }
        if isConcerned {
            // Before anything is selected, which cannot be undone.
            guard batch.isSmall, self.writer.hasRoom else { return false }
            let selection = batch.selection(by: &state.subject, after: state.position)
            if !selection.isEmpty {
                guard let message = self.message(for: selection, of: batch, state), self.writer.write(message) else { return false }
                state.lastSentAt = now
            }
        }
        state.position = batch.end
        return true
    }

    private func message(for selection: LiveBatch<Subject>.Selection, of batch: LiveBatch<Subject>, _ state: borrowing State) -> [UInt8]? {
        if let known = batch.message(for: selection) { return known }
        return try? batch.makeMessage(for: selection, by: state.subject, token: self.options.token(at: batch.end))
    }
}
