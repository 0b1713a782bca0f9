/// Something that goes wrong with the calls it matches.
package struct Fault: Sendable {
    package enum Effect: Sendable {
        /// Nothing but the delay.
        case delay
        /// The connection is closed, nothing is done.
        case dropBefore
        /// Done, and the reply is lost.
        case dropAfter
        /// The reply is lost at once, and the call is done so much later.
        case late(by: Duration)
        /// Refused, nothing is done.
        case statusBefore(APIError)
        /// Done, and an error answered.
        case statusAfter(APIError)
        /// A gateway's error page; nothing is done.
        case html(status: Int)
        /// 429; nothing is done. Seconds for `Retry-After`, nil for none.
        case rateLimit(retryAfter: Int?)
        /// A list shows the fleet as it was so long ago.
        case staleList(lag: Duration)
        /// A page brings half of what it should, at least one fewer.
        case shortPage

        /// The name in the control API and in the request log.
        package var name: String {
            switch self {
            case .delay: "delay"
            case .dropBefore: "drop_before"
            case .dropAfter: "drop_after"
            case .late: "late"
            case .statusBefore: "status_before"
            case .statusAfter: "status_after"
            case .html: "html"
            case .rateLimit: "rate_limit"
            case .staleList: "stale_list"
            case .shortPage: "short_page"
            }
        }

        /// True when it has a meaning for the list of instances only.
        package var needsInstanceList: Bool {
            switch self {
            case .staleList, .shortPage: true
            default: false
            }
        }
    }

    package var effect: Effect
    /// Nil matches every method.
    package var method: String?
    /// With or without the family's base; nil matches every path.
    package var path: String?
    /// How often it may still strike; nil means until it is cleared.
    package var remaining: Int?
    /// 0...1, drawn for each matching call.
    package var probability: Double
    /// The outcome reaches the caller so much later.
    package var delay: Duration

    package init(
        _ effect: Effect, method: String? = nil, path: String? = nil, times: Int? = 1, probability: Double = 1, delay: Duration = .zero
    ) {
        self.effect = effect
        self.method = method
        self.path = path
        self.remaining = times
        self.probability = probability
        self.delay = delay
    }

    /// A fault for one endpoint.
    package init(_ effect: Effect, on endpoint: Endpoint, times: Int? = 1, probability: Double = 1, delay: Duration = .zero) {
        self.init(
            effect, method: endpoint.method, path: endpoint.fullPath, times: times, probability: probability, delay: delay)
    }

    func matches(_ operation: Operation) -> Bool {
        if self.effect.needsInstanceList, operation.endpoint != .listInstances { return false }
        if let method = self.method, method != operation.method { return false }
        guard let path = self.path else { return true }
        return path == operation.fullPath || path == operation.endpoint?.path
    }
}

/// A fault that waits for its calls, and how often it has struck.
package struct ArmedFault: Sendable {
    package let id: UInt64
    package fileprivate(set) var fault: Fault
    package fileprivate(set) var strikes: Int = 0
}

/// The armed faults, in the order of arming. The first that matches and whose draw succeeds strikes; a call meets at most one.
struct FaultBook: Sendable {
    /// Beyond so many the spent ones are dropped. They are kept until then, to tell how often they struck.
    private static let spentMax = 100

    private(set) var armed: [ArmedFault] = []
    private var nextID: UInt64 = 1

    mutating func arm(_ fault: Fault) -> UInt64 {
        defer { self.nextID += 1 }
        if self.armed.count > Self.spentMax { self.armed.removeAll { $0.fault.remaining == 0 } }
        self.armed.append(ArmedFault(id: self.nextID, fault: fault))
        return self.nextID
    }

    mutating func clear() {
        self.armed = []
    }

    mutating func strike(_ operation: Operation, using generator: inout SeededGenerator) -> Fault? {
        for position in self.armed.indices where self.armed[position].fault.matches(operation) {
            let fault = self.armed[position].fault
            guard fault.remaining != 0, fault.probability >= 1 || generator.chance(fault.probability) else { continue }
            self.armed[position].strikes += 1
            if let remaining = fault.remaining { self.armed[position].fault.remaining = remaining - 1 }
            return fault
        }
        return nil
    }
}
