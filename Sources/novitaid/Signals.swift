import Glibc

enum Signals {
    /// A peer that goes away and a file that may not grow make a write fail; they must not end the process.
    static func leaveFailedWritesToTheirCaller() {
        for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
    }

    /// For a server that begins: what SIGHUP asks for is done once it listens, and nobody who knows its number is to end it by asking.
    static func leaveHangUpForLater() { signal(SIGHUP, SIG_IGN) }
}
