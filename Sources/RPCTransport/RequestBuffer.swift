/// The requests of one call that are at hand: those that wait for a stream, and those that are kept for another attempt. A value.
struct RequestBuffer {
    /// In the order of writing. All of them until `isWhole` ends.
    private(set) var messages: [[UInt8]] = []
    private(set) var bytes = 0
    /// No request will follow.
    var isFinished = false
    /// Whether every request of the call is here, so that it can be made again.
    private(set) var isWhole = true

    init(single request: [UInt8]? = nil) {
        guard let request else { return }
        self.messages = [request]
        self.bytes = request.count
        self.isFinished = true
    }

    /// Keeps a request that waits for a stream.
    mutating func append(_ message: [UInt8]) {
        self.messages.append(message)
        self.bytes += message.count
    }

    /// Keeps a request that is on its way, unless it is one too many.
    mutating func appendSent(_ message: [UInt8], limit: Int) {
        guard self.isWhole else { return }
        guard self.bytes + message.count <= limit else { return self.drop() }
        self.append(message)
    }

    /// There will be no further attempt.
    mutating func drop() {
        self.messages = []
        self.bytes = 0
        self.isWhole = false
    }
}
