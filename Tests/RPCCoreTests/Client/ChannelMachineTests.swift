import RPCCore
import Testing

@Suite("A channel's states")
struct ChannelMachineTests {
    enum Step: Sendable {
        case call, waitingCall
        case connected, failed
        case left(waiting: Bool)
        case pauseEnded(waiting: Bool)
        case shutDown
    }

    /// Steps at their times in milliseconds, and the answer to each with the state after it.
    static func run(addresses: Int, _ steps: [(Int, Step)]) -> [String] {
        var machine = ChannelMachine(addressCount: addresses, backoff: Backoff(initial: .seconds(1), multiplier: 2, maximum: .seconds(3)))
        return steps.map { time, step in
            let now = UInt64(time) * 1_000_000
            func text(_ address: Int?) -> String { address.map { "connect \($0)" } ?? "-" }
            let answer =
                switch step {
                case .call, .waitingCall:
                    switch machine.callSubmitted(waitsForReady: step.isWaiting, at: now) {
                    case .start: "start"
                    case .wait: "wait"
                    case .waitAndConnect(let address): "wait, connect \(address)"
                    case .fail: "fail"
                    case .refuse: "refuse"
                    }
                case .connected: machine.connected() ? "used" : "-"
                case .failed:
                    switch machine.attemptFailed(at: now, random: 0) {
                    case .connect(let address): "connect \(address)"
                    case .pause(let pause): "pause \(Int(pause / .milliseconds(1)))"
                    case .nothing: "-"
                    }
                case .left(let waiting): text(machine.connectionLeft(hasWaitingCalls: waiting, at: now))
                case .pauseEnded(let waiting): text(machine.pauseEnded(hasWaitingCalls: waiting, at: now))
                case .shutDown:
                    {
                        machine.shutDown()
                        return "-"
                    }()
                }
            return "\(answer): \(machine.connectivity)"
        }
    }

    @Test("the first call connects, the others wait, and then all start")
    func connecting() {
        #expect(
            Self.run(addresses: 1, [(0, .call), (1, .call), (2, .connected), (3, .call), (4, .connected)]) == [
                "wait, connect 0: connecting", "wait: connecting", "used: ready", "start: ready", "-: ready",
            ])
    }

    @Test("addresses are tried in their order, and the pause is for all of them")
    func pickFirst() {
        #expect(
            Self.run(addresses: 3, [(0, .call), (100, .failed), (200, .failed), (300, .connected)]) == [
                "wait, connect 0: connecting", "connect 1: connecting", "connect 2: connecting", "used: ready",
            ])
        #expect(
            Self.run(addresses: 2, [(0, .call), (100, .failed), (200, .failed), (300, .failed)]) == [
                "wait, connect 0: connecting", "connect 1: connecting", "pause 800: transientFailure", "-: transientFailure",
            ])
    }

    @Test("in the pause calls fail, but for those that wait, which connect when it is over")
    func pausing() {
        #expect(
            Self.run(
                addresses: 1,
                [
                    (0, .call), (0, .failed), (1, .call), (2, .waitingCall), (1000, .pauseEnded(waiting: true)), (1000, .failed),
                    (3000, .pauseEnded(waiting: false)), (3000, .call),
                ]) == [
                    "wait, connect 0: connecting", "pause 1000: transientFailure", "fail: transientFailure", "wait: transientFailure",
                    "connect 0: connecting", "pause 2000: transientFailure", "-: idle", "wait, connect 0: connecting",
                ])
    }

    @Test("pauses grow to their limit, count from an attempt's beginning, and begin anew after a connection that worked")
    func backoff() {
        #expect(
            Self.run(
                addresses: 1,
                [
                    (0, .call), (20_000, .failed), (20_000, .pauseEnded(waiting: true)), (20_000, .failed),
                    (22_000, .pauseEnded(waiting: true)), (22_500, .failed), (24_500, .pauseEnded(waiting: true)), (24_500, .connected),
                    (25_000, .left(waiting: true)), (25_000, .failed),
                ]
            ).compactMap { $0.split(separator: ":").first } == [
                "wait, connect 0", "pause 0", "connect 0", "pause 2000", "connect 0", "pause 2500", "connect 0", "used", "connect 0",
                "pause 1000",
            ])
    }

    @Test("a connection that is lost leaves the channel idle until the next call, or connects for those that wait")
    func leaving() {
        #expect(
            Self.run(addresses: 2, [(0, .call), (0, .connected), (1, .left(waiting: false)), (2, .left(waiting: true)), (3, .call)]) == [
                "wait, connect 0: connecting", "used: ready", "-: idle", "-: idle", "wait, connect 0: connecting",
            ])
    }

    @Test("nothing begins after the end")
    func shutDown() {
        #expect(
            Self.run(
                addresses: 1,
                [(0, .call), (0, .shutDown), (0, .connected), (0, .failed), (0, .pauseEnded(waiting: true)), (0, .waitingCall)])
                == ["wait, connect 0: connecting"] + Array(repeating: "-: shutdown", count: 4) + ["refuse: shutdown"])
    }

    @Test("pauses between attempts grow to their limit, with a share of chance")
    func connectionBackoff() {
        let backoff = Backoff.connecting
        #expect(backoff.delay(afterFailures: 1, random: 0) == .seconds(1))
        #expect((1599...1601).contains(backoff.delay(afterFailures: 2, random: 0) / .milliseconds(1)))
        #expect(backoff.delay(afterFailures: 100, random: 0) == .seconds(120))
        #expect((143_999...144_001).contains(backoff.delay(afterFailures: 100, random: 1) / .milliseconds(1)))
        #expect((799...801).contains(backoff.delay(afterFailures: 1, random: -1) / .milliseconds(1)))
    }
}

extension ChannelMachineTests.Step {
    fileprivate var isWaiting: Bool { if case .waitingCall = self { true } else { false } }
}
