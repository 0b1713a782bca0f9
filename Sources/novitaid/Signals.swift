import Glibc

enum Signals {
    /// A peer that goes away and a file that may not grow make a write fail; they must not end the process.
    static func leaveFailedWritesToTheirCaller() {
        for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
    }
}
