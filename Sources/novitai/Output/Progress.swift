internal import Glibc

/// One line that says what a wait is waiting for: rewritten in place on a terminal, a plain line for each change elsewhere.
struct Progress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var shown = ""

    mutating func show(_ text: String) {
        guard text != self.shown else { return }
        self.shown = text
        if self.isTerminal {
            // Back to the line's beginning, and clear it.
            printToStandardError("\r\u{1B}[2K\(text)", terminator: "")
        } else {
            printToStandardError(text)
        }
    }

    /// Leaves the last line standing.
    mutating func finish() {
        if self.isTerminal, !self.shown.isEmpty { printToStandardError("") }
        self.shown = ""
    }
}
