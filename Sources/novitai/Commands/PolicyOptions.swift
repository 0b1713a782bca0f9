internal import ArgumentParser
internal import CivilTime
internal import NovitaiProto

/// What is done to a machine without a command that asks for it.
struct PolicyOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Stop it when nobody has touched it for so long.", valueName: "30m"))
    var idleStop: SpanOption?
    @Option(
        help: ArgumentHelp(
            "With --idle-stop: not when its busiest GPU was busy to so many percent, by the provider's metrics.", valueName: "10"))
    var idlePercent: UInt32?
    @Flag(help: "The provider's metrics do not matter, however the server is set up.")
    var neverIdlePercent = false
    @Flag(help: "Never stop it for being idle, however the server is set up.")
    var neverIdleStop = false
    @Option(help: ArgumentHelp("Delete it so long after it was created.", valueName: "12h"))
    var maxLifetime: SpanOption?
    @Option(help: ArgumentHelp("Stop it at that time.", valueName: "2030-01-31T18:00:00Z"))
    var stopAt: TimeOption?
    @Option(help: ArgumentHelp("Delete it at that time.", valueName: "2030-01-31T18:00:00Z"))
    var deleteAt: TimeOption?
    @Option(help: ArgumentHelp("Start it at that time, if it is stopped then.", valueName: "2030-01-31T18:00:00Z"))
    var startAt: TimeOption?
    @Option(help: ArgumentHelp("Stop it when nobody has touched it for so long, and delete it after as long again.", valueName: "1h"))
    var lease: SpanOption?

    @Option(help: "When the provider takes a spot machine back: none, start, migrate or replace.")
    var spotRecovery: RecoveryOption?

    /// The names of those that are said.
    var fields: [String] {
        [
            ("idle_stop", self.idleStop != nil || self.neverIdleStop), ("idle_percent", self.idlePercent != nil || self.neverIdlePercent),
            ("max_lifetime", self.maxLifetime != nil),
            ("stop_at", self.stopAt != nil), ("delete_at", self.deleteAt != nil), ("start_at", self.startAt != nil),
            ("lease", self.lease != nil), ("spot_recovery", self.spotRecovery != nil),
        ].filter(\.1).map(\.0)
    }

    /// Nil when nothing is said.
    var message: NovitaiV1.InstancePolicies? {
        var policies = NovitaiV1.InstancePolicies()
        policies.idleStop = self.idleStop?.message
        policies.neverIdleStop = self.neverIdleStop
        policies.idlePercent = self.idlePercent ?? 0
        policies.neverIdlePercent = self.neverIdlePercent
        policies.maxLifetime = self.maxLifetime?.message
        policies.stopAt = self.stopAt?.message
        policies.deleteAt = self.deleteAt?.message
        policies.startAt = self.startAt?.message
        policies.lease = self.lease?.message
        policies.spotRecovery = self.spotRecovery?.message ?? .unspecified
        return policies == NovitaiV1.InstancePolicies() ? nil : policies
    }
}

enum RecoveryOption: String, ExpressibleByArgument, CaseIterable {
    case none, start, migrate, replace

    var message: NovitaiV1.SpotRecovery {
        switch self {
        case .none: .none
        case .start: .start
        case .migrate: .migrate
        case .replace: .replace
        }
    }
}

/// `90s`, `30m`, `12h`.
struct SpanOption: ExpressibleByArgument {
    let seconds: Int64

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600]
        guard let unit = argument.last.flatMap({ units[$0] }), let number = Int64(argument.dropLast()), (1...1_000_000).contains(number)
        else { return nil }
        self.seconds = number * unit
    }

    var message: GoogleProtobuf.Duration {
        var duration = GoogleProtobuf.Duration()
        duration.seconds = self.seconds
        return duration
    }
}

/// A time as RFC 3339 writes it.
struct TimeOption: ExpressibleByArgument {
    let seconds: Int64

    init?(argument: String) {
        guard let seconds = RFC3339.seconds(of: argument) else { return nil }
        self.seconds = seconds
    }

    var message: GoogleProtobuf.Timestamp {
        var time = GoogleProtobuf.Timestamp()
        time.seconds = self.seconds
        return time
    }
}

struct TouchInstance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "touch", abstract: "Say that a machine is in use: its idle time and its lease begin anew.")
    @Argument(help: "Id or name.")
    var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.TouchInstanceRequest()
        request.id = self.id
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.InstanceServiceClient(channel).touchInstance(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { words(reply.nextAction) }
    }
}

/// What a policy will do next, in a line.
func words(_ action: NovitaiV1.NextAction?) -> String {
    action.map { "\($0.kind.word) at \($0.time.text) (\($0.cause))" } ?? "no policy has anything to do"
}
