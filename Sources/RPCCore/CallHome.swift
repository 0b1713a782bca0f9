/// The thread that calls are bound to, each to one for its whole life: what is to be done for many of them is brought there once.
@usableFromInline
package protocol CallHome: AnyObject, Sendable {
    /// Runs `body` there, soon, after what was brought there before.
    func execute(_ body: @escaping @Sendable () -> Void)
}

/// Writes responses without waiting for anybody: to be used at the call's home alone.
package struct PromptWriter: Sendable {
    package let home: any CallHome
    private let sink: any MessageSink

    init(_ sink: any MessageSink, home: any CallHome) {
        self.sink = sink
        self.home = home
    }

    /// Whether a message can be taken now: the call goes on, and its client reads.
    package var hasRoom: Bool { self.sink.hasRoomNow }

    /// - Parameter message: with its prefix.
    /// - Returns: false when it was not taken, because the call is over or the message is too large.
    package func write(_ message: [UInt8]) -> Bool {
        do throws(RPCError) {
            if case .elsewhere = try self.sink.sendNow(message) { return false }
            return true
        } catch {
            // Nothing was sent: whoever sends it by a writer that waits learns why.
            return false
        }
    }
}

extension MessageSink {
    package var home: (any CallHome)? { nil }
    package var hasRoomNow: Bool { false }
}
