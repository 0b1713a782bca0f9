internal import CHandover
internal import Glibc

/// The next server's side of a hand-over. See ``HandoverPoint``.
package struct HandoverRequest: Sendable {
    package let socket: ListeningSocket
    private let connection: CInt

    /// Asks the server that runs. Nothing has happened to it yet: it goes on unless `take` follows.
    ///
    /// - Returns: nil when no server runs there.
    package static func make(at path: String) throws(HandoverError) -> Self? {
        let connection = unsafe novitai_connect_unix(path)
        if connection == -ENOENT || connection == -ECONNREFUSED { return nil }
        guard connection >= 0 else { throw HandoverError("\(path) cannot be reached", code: connection) }
        var descriptor: CInt = -1
        let word = unsafe novitai_receive(connection, &descriptor)
        guard word == HandoverPoint.offer, novitai_adopt_listener(descriptor) == 1 else {
            novitai_close(connection)
            if descriptor >= 0 { novitai_close(descriptor) }
            throw HandoverError("the server that runs does not hand over its socket")
        }
        return Self(socket: ListeningSocket(descriptor: descriptor), connection: connection)
    }

    /// From here on the server that runs drains, and whoever connects waits for this one.
    package func take() throws(HandoverError) {
        let outcome = novitai_send(self.connection, HandoverPoint.taken, -1)
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
