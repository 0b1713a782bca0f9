/// When a client asks whether its server is still there, and when it gives it up (gRFC A8). A value: time is an argument, in nanoseconds
/// from any fixed moment.
package struct ClientKeepalive: Sendable {
    package struct Configuration: Sendable, Hashable {
        /// Without a byte for so long, the server is asked by a PING; nil never asks.
        package var interval: Duration?
        /// What a shorter interval counts as: who asks more often is taken for an attacker by most servers.
        package var intervalMin: Duration = .seconds(10)
        /// After the question without a byte for so long, the connection counts as dead.
        package var timeout: Duration = .seconds(20)
        /// Whether to ask while there is no call, so that the next one finds a connection that works.
        package var withoutCalls = false

        package init(interval: Duration? = nil) { self.interval = interval }
    }

    package enum Action: Equatable, Sendable {
        /// Look again then.
        case wait(until: UInt64)
        /// Send a PING, and look again then.
        case ping(thenWaitUntil: UInt64)
        /// Look again when a call begins.
        case sleep
        /// The server is gone.
        case giveUp
    }

    private let interval: UInt64?
    private let timeout: UInt64
    private let withoutCalls: Bool
    private var askedAt: UInt64?

    package init(_ configuration: Configuration) {
        self.interval = configuration.interval.map { Timeout(max($0, configuration.intervalMin)).nanoseconds }
        self.timeout = Timeout(configuration.timeout).nanoseconds
        self.withoutCalls = configuration.withoutCalls
    }

    /// To be asked when the connection is made, when the time that it named has come, and when a call begins after it slept.
    ///
    /// - Parameter lastRead: when a byte came last, or the connection was made.
    package mutating func check(at now: UInt64, lastRead: UInt64, hasCalls: Bool) -> Action {
        guard let interval else { return .sleep }
        if let askedAt {
            if lastRead < askedAt {
                let end = askedAt + self.timeout
                return now >= end ? .giveUp : .wait(until: end)
            }
            self.askedAt = nil
        }
        guard hasCalls || self.withoutCalls else { return .sleep }
        guard now >= lastRead + interval else { return .wait(until: lastRead + interval) }
        self.askedAt = now
        return .ping(thenWaitUntil: now + self.timeout)
    }
}

extension ClientKeepalive.Configuration {
    /// What to do after a server said `too_many_pings` (gRFC A8).
    package mutating func slowDown() {
        if let interval { self.interval = min(max(interval, self.intervalMin) * 2, max(interval, Self.slowest)) }
    }

    /// As servers do unasked: whoever complains of that will complain of anything.
    private static let slowest: Duration = .seconds(2 * 60 * 60)
}
