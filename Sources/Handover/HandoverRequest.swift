internal import CHandover
internal import Glibc

/// The next server's side of a hand-over. See ``HandoverPoint``.
package struct HandoverRequest: Sendable {
    package let socket: ListeningSocket
    /// What the server that runs says about itself; empty when its release says nothing.
    package let facts: String
    private let connection: CInt

    /// Asks the server that runs. Nothing has happened to it yet: it goes on unless `take` follows.
    ///
    /// - Returns: nil when no server runs there.
    package static func make(at path: String) throws(HandoverError) -> Self? {
        let connection = unsafe novitai_connect_unix(path, HandoverPoint.offerTimeout)
        if connection == -ENOENT || connection == -ECONNREFUSED { return nil }
        guard connection >= 0 else { throw HandoverError("\(path) cannot be reached", code: connection) }
        let word = HandoverWord.receive(from: connection)
        guard word.byte == HandoverPoint.offer, novitai_adopt_listener(word.descriptor) == 1 else {
            novitai_close(connection)
            if word.descriptor >= 0 { novitai_close(word.descriptor) }
            throw HandoverError("the server that runs does not hand over its socket")
        }
        return Self(socket: ListeningSocket(descriptor: word.descriptor), facts: word.text, connection: connection)
    }

    /// From here on the server that runs drains, and whoever connects waits for this one.
    package func take() throws(HandoverError) {
        let outcome = HandoverWord.send(HandoverPoint.taken, to: self.connection)
        guard outcome == 0 else { throw HandoverError("the server that runs has gone", code: outcome) }
    }

    /// Lets the server that runs go on as it was.
    package func decline() {
        self.socket.close()
        novitai_close(self.connection)
    }

    /// Blocks until the other server has given everything back, or has ended in whatever way.
    package func waitForEnd(timeout: Duration) throws(HandoverError) {
        defer { novitai_close(self.connection) }
        let outcome = novitai_wait_for_end(self.connection, CInt(clamping: timeout.components.seconds * 1000))
        guard outcome == 0 else { throw HandoverError("the server before does not end", code: outcome) }
    }
}
