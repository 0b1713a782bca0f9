internal import NovitaiProto

/// Up to where a page has been told everything: what the browser sends as `Last-Event-ID` when it comes back.
struct EventPosition: Sendable, Hashable, CustomStringConvertible {
    /// The two watches of a stream, each with its own place in the one revision log.
    enum Source: Sendable, Hashable, CaseIterable {
        case instances
        case jobs
    }

    private(set) var history = ""
    /// 0: nothing yet.
    private var revisions: [Source: Int64] = [:]

    init() {}

    /// `HISTORY.INSTANCES.JOBS`; anything else begins at the beginning.
    init(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, (1...ConsoleLimits.historyBytesMax).contains(parts[0].utf8.count),
            let instances = Int64(parts[1]), let jobs = Int64(parts[2]), instances >= 0, jobs >= 0
        else { return }
        self.history = String(parts[0])
        self.revisions = [.instances: instances, .jobs: jobs]
    }

    func token(of source: Source) -> NovitaiV1.ResumeToken? {
        guard let revision = self.revisions[source], revision > 0 else { return nil }
        var token = NovitaiV1.ResumeToken()
        token.historyId = self.history
        token.revision = revision
        return token
    }

    mutating func advance(_ source: Source, to token: NovitaiV1.ResumeToken?) {
        guard let token else { return }
        if token.historyId != self.history { self.revisions = [:] }
        self.history = token.historyId
        self.revisions[source] = token.revision
    }

    /// The source begins anew.
    mutating func forget(_ source: Source) { self.revisions[source] = nil }

    var description: String { "\(self.history).\(self.revisions[.instances] ?? 0).\(self.revisions[.jobs] ?? 0)" }
}
