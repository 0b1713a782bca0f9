import Fleet
import NovitaSimulator
import Synchronization

/// The provider and the network before it. It outlives every server: what has left a server arrives whatever becomes of the server,
/// or is lost with it.
final class SimulatedProvider: Sendable {
    private struct State {
        var simulator: NovitaSimulator
        /// Calls that have left a server and have not arrived: which server they left, and whether they are lost on the way.
        var underWay: [UInt64: Int] = [:]
        var nextCall: UInt64 = 0
        var callTimes: [Timestamp] = []
    }

    private let state: Mutex<State>
    private let clock: VirtualClock
    private let dice: Dice
    private let trace: Trace
    /// How far the create calls on their way are.
    let phase = Mutex<(@Sendable (CreatePhase) -> Void)?>(nil)

    /// What its replies say of the servers' clock.
    let clockSkew = Mutex<Duration?>(nil)

    /// Whether its listings say how many machines there are.
    let statesTotals = Mutex(true)

    /// How urgent the calls were that changed terms.
    let termPriorities = Mutex<[CallPriority]>([])

    init(simulator: NovitaSimulator, clock: VirtualClock, dice: Dice, trace: Trace) {
        self.state = Mutex(State(simulator: simulator))
        self.clock = clock
        self.dice = dice
        self.trace = trace
    }

    func withSimulator<Result>(_ body: (inout NovitaSimulator, SimulatorTime) throws -> Result) rethrows -> Result {
        let now = SimulatorTime(microseconds: self.clock.now.microseconds)
        return try self.state.withLock { try body(&$0.simulator, now) }
    }

    /// When calls were made.
    var callTimes: [Timestamp] { self.state.withLock { $0.callTimes } }

    /// Sends a call of server `epoch`; the answer comes to `reply`, if it comes.
    func send(_ operation: ProviderOperation, requestID: String, epoch: Int, reply: Arrival<ProviderExchange.Outcome?>) {
        let now = self.clock.now
        let id = self.state.withLock { state in
            state.nextCall += 1
            state.underWay[state.nextCall] = epoch
            state.callTimes.append(now)
            return state.nextCall
        }
        self.note(.sent, of: operation)
        self.clock.schedule(at: now + self.dice.milliseconds(5...400)) {
            self.arrive(id, operation, requestID, reply)
        }
    }

    /// A server has died: each of its calls still on the way gets there or does not.
    func serverDied(_ epoch: Int) {
        self.state.withLock { state in
            for (id, sender) in state.underWay.sorted(by: { $0.key < $1.key }) where sender == epoch {
                if self.dice.chance(0.5) { state.underWay[id] = nil }
            }
        }
    }

    private func arrive(_ id: UInt64, _ operation: ProviderOperation, _ requestID: String, _ reply: Arrival<ProviderExchange.Outcome?>) {
        guard self.state.withLock({ $0.underWay.removeValue(forKey: id) != nil }) else { return }
        let exchange = self.withSimulator { simulator, now in simulator.call(operation, at: now, requestID: requestID) }
        self.trace.add("provider \(operation.fullPath) \(operation.subject) -> \(Self.words(exchange.outcome))")
        self.note(.unanswered, of: operation)
        self.clock.schedule(at: self.clock.now + exchange.delay + self.dice.milliseconds(5...400)) {
            self.note(.answered, of: operation)
            reply.come(exchange.outcome)
        }
    }

    private func note(_ phase: CreatePhase, of operation: ProviderOperation) {
        guard operation.endpoint == .createInstance else { return }
        self.phase.withLock { $0 }?(phase)
    }

    private static func words(_ outcome: ProviderExchange.Outcome) -> String {
        switch outcome {
        case .answered(.success): "ok"
        case .answered(.failure(let error)): "\(error.status) \(error.reason)"
        case .gatewayPage(let status): "page \(status)"
        case .connectionClosed: "closed"
        }
    }
}

/// What happened, in order; two runs of one seed must agree in every line.
final class Trace: Sendable {
    struct Line: Sendable, Equatable, CustomStringConvertible {
        var at: Timestamp
        /// What happened comes first, so that lines are told apart by how they begin.
        var text: String

        var description: String { "\(self.at.microseconds) \(self.text)" }
    }

    private let kept = Mutex<[Line]>([])
    private let clock: VirtualClock

    init(clock: VirtualClock) {
        self.clock = clock
    }

    func add(_ text: @autoclosure () -> String) {
        let line = Line(at: self.clock.now, text: text())
        self.kept.withLock { $0.append(line) }
    }

    var lines: [Line] { self.kept.withLock { $0 } }

    /// For people.
    var all: [String] { self.lines.map(\.description) }
}
