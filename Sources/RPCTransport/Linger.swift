/// How long the socket of a connection that has ended stays open for its peer to read what came last: as long as it takes some of what waits for
/// it, and once more. A value, looked at each `lingerTimeout`.
struct Linger {
    /// Who reads a little at a time must be done by then.
    static let looksMax = 10

    private var waiting: Int
    private var looks = 0

    /// - Parameter waiting: bytes that the socket has not taken.
    init(waiting: Int) { self.waiting = waiting }

    mutating func goesOn(waiting: Int) -> Bool {
        defer { self.waiting = waiting }
        self.looks += 1
        return waiting < self.waiting && self.looks < Self.looksMax
    }
}
