internal import NIOCore

/// The connections that have not got beyond TLS yet. When there are too many, the oldest makes room: an honest handshake takes milliseconds,
/// so what has waited longest is hardly one.
struct HandshakesInProgress {
    private var channels: [UInt64: any Channel] = [:]
    private var lastNumber: UInt64 = 0

    var count: Int { self.channels.count }
    var all: [UInt64: any Channel] { self.channels }

    func contains(_ number: UInt64) -> Bool { self.channels[number] != nil }

    /// - Returns: the number under which it is removed, and what has to go for it.
    mutating func add(_ channel: any Channel, atMost limit: Int) -> (number: UInt64, evicted: (any Channel)?) {
        var evicted: (any Channel)?
        if self.channels.count >= limit, let oldest = self.channels.keys.min() { evicted = self.channels.removeValue(forKey: oldest) }
        self.lastNumber += 1
        self.channels[self.lastNumber] = channel
        return (self.lastNumber, evicted)
    }

    mutating func remove(_ number: UInt64) { self.channels[number] = nil }
}
