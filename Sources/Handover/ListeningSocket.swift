internal import CHandover

/// A socket that listens: opened here, passed by a service manager, or handed over by the server before.
package struct ListeningSocket: Sendable {
    /// Connections that wait for a server that is starting: a second and more of them at the rate at which clients come back.
    private static let backlog: CInt = 1024
    /// The first that a service manager passes (sd_listen_fds(3)).
    private static let firstPassed: CInt = 3

    package let descriptor: CInt

    /// Reachable from this machine only.
    package var isLocal: Bool { novitai_is_local(self.descriptor) == 1 }
    /// Whether it listens on an address of that host: a name, or an address.
    package func isOn(host: String) -> Bool { unsafe novitai_is_on(self.descriptor, host) == 1 }
    /// 0 for a socket file.
    package var port: Int { Int(novitai_port_of(self.descriptor)) }

    /// Whether its file is `path`, and lets in nobody whom a file of that mode would not.
    package func isAt(path: String, mode: CInt) -> Bool { unsafe novitai_is_at(self.descriptor, path, mode) == 1 }

    /// Lets in whom a file of that mode does.
    package static func setMode(_ mode: CInt, ofFileAt path: String) throws(HandoverError) {
        let outcome = unsafe novitai_set_mode(path, mode)
        guard outcome == 0 else { throw HandoverError("the socket's file cannot be given its mode", code: outcome) }
    }

    package static func open(host: String, port: Int) throws(HandoverError) -> Self {
        try self.opened(unsafe novitai_listen_tcp(host, String(port), self.backlog))
    }

    /// - Parameter mode: who may connect; the file is made anew.
    package static func open(path: String, mode: CInt) throws(HandoverError) -> Self {
        try self.opened(unsafe novitai_listen_unix(path, mode, self.backlog))
    }

    /// The socket that a service manager has opened for this process; nil when it is none's.
    ///
    /// - Parameters:
    ///   - environment: `LISTEN_PID` and `LISTEN_FDS` are read.
    ///   - process: the id of this one: the variables may be meant for another that it was started by.
    package static func passed(in environment: [String: String], to process: Int32) throws(HandoverError) -> Self? {
        guard let count = environment["LISTEN_FDS"], environment["LISTEN_PID"] == String(process) else { return nil }
        guard count == "1" else { throw HandoverError("LISTEN_FDS is \(count): one socket is taken, and not more") }
        guard novitai_adopt_listener(self.firstPassed) == 1 else {
            throw HandoverError("the descriptor that was passed is no listening socket")
        }
        return Self(descriptor: self.firstPassed)
    }

    /// For somebody who closes it by himself.
    package func duplicated() throws(HandoverError) -> Self {
        try Self.opened(novitai_duplicate(self.descriptor))
    }

    package func close() { novitai_close(self.descriptor) }

    private static func opened(_ result: CInt) throws(HandoverError) -> Self {
        guard result >= 0 else { throw HandoverError("the socket cannot be opened", code: result) }
        return Self(descriptor: result)
    }
}
