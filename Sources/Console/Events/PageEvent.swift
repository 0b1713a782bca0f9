/// One event as a browser's `EventSource` reads it (HTML, "Server-sent events").
struct PageEvent: Sendable {
    /// What the page listens for.
    var name: String
    /// JSON on one line.
    var json: String

    func text(at position: EventPosition) -> String {
        "event: \(self.name)\nid: \(position)\ndata: \(self.json)\n\n"
    }
}
