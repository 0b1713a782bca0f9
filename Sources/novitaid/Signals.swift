import Glibc

enum Signals {
    /// A peer that goes away and a file that may not grow make a write fail; they must not end the process.
    static func leaveFailedWritesToTheirCaller() {
        for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
    }

    /// For a server that begins. It reads everything as it is, and again after a wait for the server before: who asks for that by SIGHUP is not to
    /// end it.
    static func leaveHangUpForLater() { signal(SIGHUP, SIG_IGN) }
}
