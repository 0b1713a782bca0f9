internal import CHandover
internal import Dispatch
internal import Glibc
internal import Synchronization

/// Where the next server asks the one that runs for its listening socket: a socket file that only the same user may connect to.
///
/// The server gives the socket, waits for the word that the next one has it and is ready, and only then begins to drain. The connection stays
/// open until everything that belongs to the server is given back: its end is what the next one waits for. Whoever connects meanwhile waits
/// in the socket's queue, and is answered by the next server.
package final class HandoverPoint: Sendable {
    /// From the offer to the word that it is taken: the other side does nothing in between.
    static let offerTimeout: CInt = 5000
    /// The text that goes with the offer: a few words.
    static let factsBytesMax = 1024
    /// Says which version of this exchange it is.
    static let offer: CInt = 1
    static let taken: CInt = 2

    private struct State {
        var isClosed = false
        /// Who waits for the end.
        var successor: CInt?
    }

    private let point: CInt
    private let socket: ListeningSocket
    private let facts: String
    private let state = Mutex(State())

    /// - Parameters:
    ///   - socket: what is given; a duplicate of it is kept until `close`.
    ///   - facts: what the next server has to know before it takes the socket, at most `factsBytesMax` bytes of text.
    ///   - onHandover: begins the drain. Called once, on a thread of its own.
    package init(
        at path: String, giving socket: ListeningSocket, facts: String, onHandover: @escaping @Sendable () -> Void
    ) throws(HandoverError) {
        self.facts = facts
        self.point = try ListeningSocket.open(path: path, mode: 0o600).descriptor
        self.socket = try socket.duplicated()
        DispatchQueue(label: "novitai.handover").async { self.run(onHandover) }
    }

    /// Nothing is handed over any more, and the socket is no longer held: the file stays, and nobody answers there. Idempotent.
    package func close() {
        let isFirst = self.state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        // Ends the thread, which closes it.
        novitai_shutdown(self.point)
        self.socket.close()
    }

    /// Tells the successor, if there is one, that everything is given back.
    package func finish() {
        let successor = self.state.withLock { state in
            defer { state.successor = nil }
            return state.successor
        }
        if let successor { novitai_close(successor) }
    }

    private func run(_ onHandover: @Sendable () -> Void) {
        defer { novitai_close(self.point) }
        while true {
            let peer = novitai_accept(self.point, Self.offerTimeout)
            guard !self.state.withLock({ $0.isClosed }) else {
                if peer >= 0 { novitai_close(peer) }
                return
            }
            guard peer >= 0 else {
                guard Self.passing.contains(-peer) else { return }
                // Descriptors may be wanting: nothing else can be done about that here.
                usleep(Self.pauseMicroseconds)
                continue
            }
            guard self.give(to: peer) else {
                novitai_close(peer)
                continue
            }
            self.state.withLock { $0.successor = peer }
            onHandover()
            return
        }
    }

    /// Errors of accept that go by.
    private static let passing: Set<CInt> = [EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM]
    private static let pauseMicroseconds: UInt32 = 100_000

    private func give(to peer: CInt) -> Bool {
        guard HandoverWord.send(Self.offer, self.facts, self.socket.descriptor, to: peer) == 0 else { return false }
        return HandoverWord.receive(from: peer).byte == Self.taken
    }
}
