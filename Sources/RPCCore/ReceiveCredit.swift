/// How much flow-control credit a stream's sender is owed. A value; the bytes themselves are elsewhere.
///
/// Credit goes back for what the application has taken. While it waits for a message, it also goes back for the part that has arrived:
/// else a message longer than the window would never be complete.
package struct ReceiveCredit: Sendable {
    private var received = 0
    private var credited = 0

    package init() {}

    package mutating func received(_ count: Int) { self.received += count }

    /// What is to be given back now, when `queued` bytes of complete messages wait for the application and `partial` belong to the next one.
    package mutating func due(queued: Int, partial: Int, isAwaited: Bool) -> Int {
        let due = self.received - queued - (isAwaited ? 0 : partial) - self.credited
        guard due > 0 else { return 0 }
        self.credited += due
        return due
    }
}
