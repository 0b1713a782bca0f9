internal import NIOCore

/// What one connection sends before all others of its loop have their turn. A peer that reads as fast as this sends would keep the loop otherwise
/// for as long as there is something to send. A value.
struct OutputTurn {
    /// Bytes: half a millisecond's work. Turns are asked for only when so much was sent since the last time, so the first of several may have twice
    /// as much.
    static let sizeMax = 1 << 20

    private var bytes = 0
    private var pacer = TurnPacer()

    mutating func sent(_ count: Int) { self.bytes += count }

    /// Whether no more is to be sent now.
    mutating func isOver(in turns: LoopTurns) -> Bool {
        guard self.bytes >= Self.sizeMax else { return false }
        guard self.pacer.beginsTurn(of: turns) else { return true }
        self.bytes = 0
        return false
    }

    /// How long what is left is to wait.
    mutating func nextPause() -> TimeAmount { self.pacer.nextPause() }
}
