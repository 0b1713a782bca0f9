internal import NIOCore

/// Numbers the turns of a loop, each of which lasts until the loop looks at its sockets. Bound to the loop.
final class LoopTurns {
    private let loop: any EventLoop
    private let ticks: LoopTicks
    private var number: UInt64 = 0

    init(_ loop: any EventLoop, _ ticks: LoopTicks) {
        self.loop = loop
        self.ticks = ticks
    }

    /// The one that lasts.
    var current: UInt64 {
        if self.ticks.isFirstAsking(of: self.loop) { self.number += 1 }
        return self.number
    }
}

/// For somebody who may do so much in a turn of a loop: whether there is another one by now, and how long to wait for it. A value.
struct TurnPacer {
    /// What is left waits for this long at least: were it due at once, the turn would not end. And twice as long each time that it comes too early
    /// all the same, as on a machine that takes longer than that to look for what is due, or with so many who wait that the first are due again
    /// when the last has asked: the most is to be longer than thousands take for that.
    private static let pauseMin = TimeAmount.microseconds(20)
    private static let pauseMax = TimeAmount.milliseconds(64)

    private var turn: UInt64 = 0
    private var pause = TurnPacer.pauseMin

    /// Whether a turn has begun since this was asked last. To be called on the loop.
    mutating func beginsTurn(of turns: LoopTurns) -> Bool {
        let current = turns.current
        guard current != self.turn else { return false }
        self.turn = current
        self.pause = Self.pauseMin
        return true
    }

    /// How long what is left is to wait before it asks again.
    mutating func nextPause() -> TimeAmount {
        defer { self.pause = min(self.pause * 2, Self.pauseMax) }
        return self.pause
    }
}
