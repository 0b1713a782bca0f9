internal import Glibc
internal import Subprocess
internal import SystemPackage

/// A program that a test starts. All tests start theirs here: it waits without holding a thread, of which the pool may have but two, and
/// no program inherits the pipes of another one, which would keep them open and their readers waiting for ever.
package struct ChildProcess: Sendable {
    private let program: String
    private let arguments: [String]
    private let environment: Environment

    /// Bytes of output that are collected; more is a test's mistake.
    private static let outputMax = 64 << 20

    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) {
            self.description = description
        }
    }

    /// - Parameters:
    ///   - program: a path, or a name that is looked up in `PATH`.
    ///   - environment: instead of this process' own.
    package init(_ program: String, _ arguments: [String], environment: [String: String]? = nil) {
        self.program = program
        self.arguments = arguments
        self.environment = environment.map { .custom(Self.keyed($0)) } ?? .inherit
    }

    private init(_ other: Self, environment: Environment) {
        self.program = other.program
        self.arguments = other.arguments
        self.environment = environment
    }

    /// The same program without the variables named.
    package func without(_ variables: [String]) -> Self {
        let gone = variables.compactMap { name in Environment.Key(rawValue: name).map { ($0, String?.none) } }
        return Self(self, environment: self.environment.updating(Dictionary(gone, uniquingKeysWith: { $1 })))
    }

    private static func keyed(_ environment: [String: String]) -> [Environment.Key: String] {
        Dictionary(environment.compactMap { name, value in Environment.Key(rawValue: name).map { ($0, value) } }, uniquingKeysWith: { $1 })
    }

    // MARK: To its end

    /// What a program has said, and how it ended.
    package struct Outcome: Sendable {
        package let output: [UInt8]
        package let errors: String
        /// The exit status; 128 and the signal's number for one that a signal ended.
        package let status: Int32
    }

    package func run(input: [UInt8] = []) async throws -> Outcome {
        let result = try await Subprocess.run(
            self.configuration, input: .array(input), output: .bytes(limit: Self.outputMax), error: .string(limit: Self.outputMax))
        return Outcome(
            output: result.standardOutput, errors: result.standardError, status: Self.status(result.terminationStatus))
    }

    // MARK: While it runs

    /// Runs the program beside `body`, which should see to it that it ends: it is waited for. Killed when `body` fails.
    ///
    /// - Returns: what `body` returned, and the exit status as in ``Outcome``.
    package func run<Result: Sendable>(
        beside body: (RunningProcess) async throws -> Result
    ) async throws -> (result: Result, status: Int32) {
        let outcome = try await Subprocess.run(
            self.configuration, input: .inputWriter, output: .sequence, error: .combinedWithOutput
        ) { execution in
            let process = RunningProcess(
                lines: execution.standardOutput.strings().makeAsyncIterator(), identifier: execution.processIdentifier.value,
                finishInput: { try await execution.standardInputWriter.finish() })
            do {
                return try await body(process)
            } catch {
                process.send(SIGKILL)
                throw error
            }
        }
        return (outcome.closureResult, Self.status(outcome.terminationStatus))
    }

    private var configuration: Configuration {
        Configuration(
            executable: self.program.contains("/") ? .path(FilePath(self.program)) : .name(self.program),
            arguments: Arguments(self.arguments), environment: self.environment)
    }

    private static func status(_ status: TerminationStatus) -> Int32 {
        switch status {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }
}
