import RPCCore
import Testing

@Suite("A client's questions whether its server is there")
struct ClientKeepaliveTests {
    /// Checks in seconds: now, when a byte came last, whether there are calls; and what was answered.
    static func run(_ configuration: ClientKeepalive.Configuration, _ checks: [(Int, Int, Bool)]) -> [String] {
        var keepalive = ClientKeepalive(configuration)
        return checks.map { now, lastRead, hasCalls in
            let second: UInt64 = 1_000_000_000
            return switch keepalive.check(at: UInt64(now) * second, lastRead: UInt64(lastRead) * second, hasCalls: hasCalls) {
            case .wait(let time): "wait \(time / second)"
            case .ping(let time): "ping \(time / second)"
            case .sleep: "sleep"
            case .giveUp: "giveUp"
            }
        }
    }

    static let minute = ClientKeepalive.Configuration(interval: .seconds(60))

    @Test(
        "with calls, after a silence, and given up without an answer",
        arguments: [
            ([(0, 0, true), (60, 0, true), (80, 0, true)], ["wait 60", "ping 80", "giveUp"]),
            // Whatever comes is an answer.
            ([(60, 0, true), (80, 61, true), (121, 61, true)], ["ping 80", "wait 121", "ping 141"]),
            // Bytes put the question off.
            ([(60, 30, true), (90, 89, true)], ["wait 90", "wait 149"]),
            // Without calls nobody asks; the next call asks at once when the silence was long.
            ([(0, 0, false), (10, 0, true)], ["sleep", "wait 60"]),
            ([(60, 0, false), (500, 0, true)], ["sleep", "ping 520"]),
            // A question that stands is waited for, whether there are calls or not.
            ([(60, 0, true), (70, 0, true), (80, 0, false)], ["ping 80", "wait 80", "giveUp"]),
        ] as [([(Int, Int, Bool)], [String])])
    func courses(_ checks: [(Int, Int, Bool)], _ answers: [String]) { #expect(Self.run(Self.minute, checks) == answers) }

    @Test("also without calls, where that is wanted")
    func withoutCalls() {
        var configuration = Self.minute
        configuration.withoutCalls = true
        #expect(Self.run(configuration, [(0, 0, false), (60, 0, false), (80, 0, false)]) == ["wait 60", "ping 80", "giveUp"])
    }

    @Test("never, unless it is asked for")
    func never() { #expect(Self.run(.init(), [(0, 0, true), (100_000, 0, true)]) == ["sleep", "sleep"]) }

    @Test("not more often than every ten seconds")
    func shortest() { #expect(Self.run(.init(interval: .seconds(1)), [(9, 0, true), (10, 0, true)]) == ["wait 10", "ping 30"]) }

    @Test(
        "half as often after a server's complaint",
        arguments: [(nil, nil), (.seconds(1), .seconds(20)), (.seconds(60), .seconds(120))] as [(Duration?, Duration?)])
    func complaint(_ before: Duration?, _ after: Duration?) {
        var configuration = ClientKeepalive.Configuration(interval: before)
        configuration.slowDown()
        #expect(configuration.interval == after)
    }

    @Test("a server that complains without end has PINGs no seldomer than every two hours", arguments: [7, 7200, 100_000])
    func manyComplaints(_ seconds: Int) {
        var configuration = ClientKeepalive.Configuration(interval: .seconds(seconds))
        for _ in 0..<200 { configuration.slowDown() }
        #expect(configuration.interval == .seconds(max(seconds, 7200)))
    }
}
