/// How long connections and what is half done on them may last, and how many there may be.
package struct ConnectionLimits: Sendable {
    // MARK: Lifetime (gRFC A9). Without a limit unless given: clients of a control plane keep their watches for days.

    /// A connection without a call for this long is sent away.
    package var idleMax: Duration?
    /// A connection of this age is sent away, so that balancers can spread its clients anew.
    package var ageMax: Duration?
    /// The share of the age that is chance, either way, so that clients that came together do not leave together.
    package var ageJitter = 0.1
    /// From the end of the age to the end of calls that still run. Without a limit they may run on.
    package var ageGrace: Duration?

    // MARK: Keepalive, by us

    /// Silence after which the peer is asked whether it still lives: rare, for the usual death is seen by the kernel (gRFC A9).
    package var keepaliveTime: Duration? = .seconds(7200)
    /// How long the answer may take.
    package var keepaliveTimeout: Duration = .seconds(20)

    // MARK: What is half done

    /// From a header block's first frame to its last. Until then nothing else can come, so no honest client stops there.
    package var headerBlockTimeout: Duration = .seconds(10)
    /// Between two frames of one request message, while the server waits for it and the client has the credit to send it.
    package var messageTimeout: Duration = .seconds(30)
    /// Without a byte sent on a stream that has some to send: a client that does not read holds our memory. Its stream is reset.
    package var streamStallTimeout: Duration = .seconds(60)
    /// Without a byte taken by the socket while there are some to send: the connection is closed.
    package var connectionStallTimeout: Duration = .seconds(120)

    // MARK: How many

    /// Open connections. At the limit no more are accepted until one ends; they wait in the kernel's queue.
    package var connectionsMax = 20_000
    /// Open connections from one address: no host takes all of them. More are closed at once.
    package var connectionsPerAddressMax = 15_000

    package init() {}

    /// The shortest of the limits on what is half done, in nanoseconds.
    var halfDoneMin: UInt64 {
        [self.headerBlockTimeout, self.messageTimeout, self.streamStallTimeout, self.connectionStallTimeout].map(\.wholeNanoseconds).min()
            ?? 0
    }

    /// For one connection; `random` is from -1 to 1.
    func life(random: Double) -> ConnectionLife.Limits {
        ConnectionLife.Limits(
            idleMax: self.idleMax?.wholeNanoseconds, ageMax: self.ageMax.map { ($0 * (1 + self.ageJitter * random)).wholeNanoseconds },
            ageGrace: self.ageGrace?.wholeNanoseconds, keepaliveTime: self.keepaliveTime?.wholeNanoseconds,
            keepaliveTimeout: self.keepaliveTimeout.wholeNanoseconds)
    }
}

extension Duration {
    /// Not negative, and at most what a century has.
    var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = self.components
        return UInt64(min(max(seconds, 0), 100 * 366 * 86_400)) * 1_000_000_000 + UInt64(max(attoseconds, 0) / 1_000_000_000)
    }
}
