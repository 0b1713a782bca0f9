import Foundation

/// The program that commits until it is killed; see `StoreCrashChild`.
final class CrashChild {
    private let process = Process()
    private let output = Pipe()
    private var unread = Data()
    /// The first line that it said: `open` or why not.
    private(set) var greeting: String?
    private var outcomes: [String: [Int]] = [:]

    /// - Parameter fileBytesMax: the size beyond which the child cannot write a file: a full disk, for it.
    init(path: String, first: Int, count: Int = 0, fileBytesMax: Int? = nil) throws {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let child = URL(fileURLWithPath: program).deletingLastPathComponent().appendingPathComponent("StoreCrashChild").path
        let arguments = [child, path, String(first), String(count)]
        self.process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // Ignored signals and limits are inherited: a write beyond the limit then fails instead of ending the process.
        let limit = fileBytesMax.map { "trap '' XFSZ; ulimit -S -f \($0 / 512); " } ?? ""
        self.process.arguments = ["-c", limit + "exec \"$0\" \"$@\""] + arguments
        self.process.standardOutput = self.output
        try self.process.run()
    }

    /// Of those commits, the numbers that had this outcome so far.
    func numbers(_ outcome: String) -> [Int] {
        self.outcomes[outcome] ?? []
    }

    /// Reads until so many commits had the outcome, or the child has ended.
    func read(until count: Int, _ outcome: String) {
        while self.numbers(outcome).count < count, self.readMore() {}
    }

    /// As the kernel's out-of-memory killer would: no handler runs. What it said before is read to the end.
    func kill() {
        Foundation.kill(self.process.processIdentifier, SIGKILL)
        self.finish()
    }

    func finish() {
        while self.readMore() {}
        self.process.waitUntilExit()
    }

    func liftFileLimit() throws {
        let lift = Process()
        lift.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
        lift.arguments = ["--pid", String(self.process.processIdentifier), "--fsize=unlimited"]
        try lift.run()
        lift.waitUntilExit()
    }

    private func readMore() -> Bool {
        let data = self.output.fileHandleForReading.availableData
        guard !data.isEmpty else { return false }
        self.unread += data
        let lines = self.unread.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for line in lines.dropLast() { self.note(String(decoding: line, as: UTF8.self)) }
        self.unread = Data(lines.last ?? Data())
        return true
    }

    private func note(_ line: String) {
        if self.greeting == nil { self.greeting = line }
        let words = line.split(separator: " ")
        if words.count == 2, let number = Int(words[1]) { self.outcomes[String(words[0]), default: []].append(number) }
    }
}
