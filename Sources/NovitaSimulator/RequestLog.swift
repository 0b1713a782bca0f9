/// One call as it arrived, and what the caller saw of it.
package struct RequestRecord: Hashable, Sendable {
    /// Counts from 1 over all calls since the last reset.
    package var sequence: Int
    package var time: SimulatorTime
    package var method: String
    package var path: String
    /// An instance's id or a name; see `Operation.subject`.
    package var subject: String
    /// The caller's own id of the request, empty when it sent none.
    package var requestID: String
    /// The caller's place in a trace, empty when it sent none.
    package var traceParent = ""
    /// HTTP status; nil when the connection was closed without an answer.
    package var status: Int?
    /// The kind of fault that struck, nil when none did.
    package var fault: String?
}

/// The latest calls and how many there were to each endpoint.
package struct RequestLog: Sendable {
    /// Records kept; the counts go on. Enough to read a test's whole course.
    package static let recordsMax = 10_000

    private var ring: [RequestRecord] = []
    private var counts: [Endpoint: Int] = [:]
    package private(set) var total = 0

    /// The records kept, oldest first.
    package var records: [RequestRecord] {
        let start = self.ring.count < Self.recordsMax ? 0 : self.total % Self.recordsMax
        return Array(self.ring[start...] + self.ring[..<start])
    }

    /// Calls to `endpoint` since the last reset.
    package func count(of endpoint: Endpoint) -> Int {
        self.counts[endpoint, default: 0]
    }

    /// Numbers the record and keeps it.
    mutating func append(_ record: RequestRecord, endpoint: Endpoint?) {
        if let endpoint { self.counts[endpoint, default: 0] += 1 }
        var record = record
        record.sequence = self.total + 1
        if self.ring.count < Self.recordsMax {
            self.ring.append(record)
        } else {
            self.ring[self.total % Self.recordsMax] = record
        }
        self.total += 1
    }
}
