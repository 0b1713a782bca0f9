internal import Glibc
internal import Subprocess

/// A program while it runs: what it says, and what it can be told. Valid within the closure that it is given to.
package final class RunningProcess {
    package let identifier: Int32
    private var lines: SubprocessOutputSequence.StringSequence<UTF8>.AsyncIterator
    private let finishInput: () async throws -> Void

    init(
        lines: SubprocessOutputSequence.StringSequence<UTF8>.AsyncIterator, identifier: Int32,
        finishInput: @escaping () async throws -> Void
    ) {
        self.lines = lines
        self.identifier = identifier
        self.finishInput = finishInput
    }

    /// The next line of its output or its errors, without the line's end; nil when it has closed both, as it does at its end.
    package nonisolated(nonsending) func nextLine() async throws -> String? {
        var lines = self.lines
        let line = try await lines.next()
        self.lines = lines
        guard let line else { return nil }
        return line.hasSuffix("\n") ? String(line.dropLast()) : line
    }

    package nonisolated(nonsending) func remainingLines() async throws -> [String] {
        var rest: [String] = []
        while let line = try await self.nextLine() { rest.append(line) }
        return rest
    }

    package nonisolated(nonsending) func closeInput() async throws { try await self.finishInput() }

    package func send(_ signal: Int32) { kill(self.identifier, signal) }
}
