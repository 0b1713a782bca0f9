import Foundation
import TestSupport

/// The program that commits until it is killed; see `StoreCrashChild`.
final class CrashChild {
    private let process: RunningProcess
    /// The first line that it said: `open` or why not.
    private(set) var greeting: String?
    private var outcomes: [String: [Int]] = [:]

    private init(_ process: RunningProcess) {
        self.process = process
    }

    /// What it has said when it is over.
    struct Report {
        let greeting: String?
        fileprivate let outcomes: [String: [Int]]

        /// Of its commits, the numbers that had this outcome.
        func numbers(_ outcome: String) -> [Int] { self.outcomes[outcome] ?? [] }
    }

    /// Runs the child beside `body`, and reads what it says to the end.
    ///
    /// - Parameter fileBytesMax: the size beyond which the child cannot write a file: a full disk, for it.
    static func run(
        path: String, first: Int, count: Int = 0, fileBytesMax: Int? = nil, beside body: (CrashChild) async throws -> Void = { _ in }
    ) async throws -> Report {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let child = URL(fileURLWithPath: program).deletingLastPathComponent().appendingPathComponent("StoreCrashChild").path
        // Ignored signals and limits are inherited: a write beyond the limit then fails instead of ending the process.
        let limit = fileBytesMax.map { "trap '' XFSZ; ulimit -S -f \($0 / 512); " } ?? ""
        let shell = ChildProcess("/bin/sh", ["-c", limit + "exec \"$0\" \"$@\"", child, path, String(first), String(count)])
        return try await shell.run { process in
            let child = CrashChild(process)
            try await body(child)
            while try await child.readLine() {}
            return Report(greeting: child.greeting, outcomes: child.outcomes)
        }.result
    }

    func numbers(_ outcome: String) -> [Int] {
        self.outcomes[outcome] ?? []
    }

    /// Reads until so many commits had the outcome, or the child has ended.
    func read(until count: Int, _ outcome: String) async throws {
        while self.numbers(outcome).count < count, try await self.readLine() {}
    }

    /// As the kernel's out-of-memory killer would: no handler runs.
    func kill() { self.process.send(SIGKILL) }

    func liftFileLimit() async throws {
        let lift = ChildProcess("prlimit", ["--pid", String(self.process.identifier), "--fsize=unlimited"])
        _ = try await lift.run()
    }

    private func readLine() async throws -> Bool {
        guard let line = try await self.process.nextLine() else { return false }
        if self.greeting == nil { self.greeting = line }
        let words = line.split(separator: " ")
        if words.count == 2, let number = Int(words[1]) { self.outcomes[String(words[0]), default: []].append(number) }
        return true
    }
}
