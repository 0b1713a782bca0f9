import Glibc

enum Signals {
    /// A peer that goes away makes a write fail; it must not end the process.
    static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
