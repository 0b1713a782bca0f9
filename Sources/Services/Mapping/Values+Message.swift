internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension GoogleProtobuf.Timestamp {
    init(_ time: Timestamp) {
        self.init()
        var seconds = time.microseconds / 1_000_000
        var micros = time.microseconds % 1_000_000
        if micros < 0 {
            seconds -= 1
            micros += 1_000_000
        }
        self.seconds = seconds
        self.nanos = Int32(micros) * 1000
    }
}

extension Timestamp {
    /// The decoder has checked the ranges of both fields.
    init(_ time: GoogleProtobuf.Timestamp) {
        self.init(microseconds: time.seconds * 1_000_000 + Int64(time.nanos / 1000))
    }
}

extension GoogleProtobuf.Duration {
    init(_ duration: Duration) {
        self.init()
        let (seconds, attoseconds) = duration.components
        self.seconds = seconds
        self.nanos = Int32(attoseconds / 1_000_000_000)
    }

    /// The decoder has checked the ranges of both fields.
    var duration: Duration { .seconds(self.seconds) + .nanoseconds(Int64(self.nanos)) }
}

extension NovitaiV1.Money {
    static let usDollars = "USD"

    init(_ amount: MicroUSD) {
        self.init()
        self.currencyCode = Self.usDollars
        self.micros = amount.micros
    }
}

extension NovitaiV1.ResumeToken {
    init(_ history: HistoryID, _ revision: Revision) {
        self.init()
        self.historyId = history.rawValue
        self.revision = revision.number
    }
}

extension NovitaiV1.Freshness {
    init(_ fetchedAt: Timestamp) {
        self.init()
        self.fetchedAt = GoogleProtobuf.Timestamp(fetchedAt)
    }
}

extension NovitaiV1.BillingMode {
    init(_ mode: BillingMode) {
        switch mode {
        case .onDemand: self = .onDemand
        case .spot: self = .spot
        }
    }
}

extension NovitaiV1.PortProtocol {
    init(_ portProtocol: PortProtocol) {
        switch portProtocol {
        case .http: self = .http
        case .tcp: self = .tcp
        }
    }
}
