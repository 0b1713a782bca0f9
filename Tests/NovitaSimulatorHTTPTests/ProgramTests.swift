import Foundation
import NovitaSimulatorHTTP
import Testing

/// The program itself, as a process.
@Suite("novita-sim") struct ProgramTests {
    /// Built beside the test bundle.
    private static let program: URL? = CommandLine.arguments.first { $0.hasSuffix(".xctest") }
        .map { URL(filePath: $0).deletingLastPathComponent().appending(path: "novita-sim") }

    private final class Run {
        let process = Process()
        let errors = Pipe()

        init(_ arguments: [String], environment: [String: String] = [:]) throws {
            let program = try #require(ProgramTests.program)
            self.process.executableURL = program
            self.process.arguments = arguments
            self.process.environment = environment
            self.process.standardError = self.errors
            self.process.standardOutput = Pipe()
            try self.process.run()
        }

        /// What it said, and its exit status.
        func end() throws -> (log: String, status: Int32) {
            let log = try self.errors.fileHandleForReading.readToEnd() ?? Data()
            self.process.waitUntilExit()
            return (String(decoding: log, as: UTF8.self), self.process.terminationStatus)
        }
    }

    @Test(
        "port 0 picks a free port, told in the first line and in the port file; SIGTERM and SIGINT end it with 0",
        arguments: [SIGTERM, SIGINT])
    func serve(signal: Int32) async throws {
        let portFile = FileManager.default.temporaryDirectory.appending(path: "novita-sim-\(UUID().uuidString).port")
        defer { try? FileManager.default.removeItem(at: portFile) }
        let run = try Run(
            ["--port-file", portFile.path, "--speed", "0", "--instances", "3", "--page-cap", "2"],
            environment: ["SIM_LISTEN": "127.0.0.1:0", "LOG_LEVEL": ""])
        let line = try #require(String(data: run.errors.fileHandleForReading.availableData, encoding: .utf8))
        #expect(line.contains("listening"))
        while !FileManager.default.fileExists(atPath: portFile.path), run.process.isRunning { await Task.yield() }
        let port = try #require(Int(String(contentsOf: portFile, encoding: .utf8).trimmingCharacters(in: .newlines)))
        #expect(line.contains("127.0.0.1:\(port)"))
        let client = RawClient(address: .tcp(host: "127.0.0.1", port: port))
        let list = try await client.send("GET", RunningSimulator.v1 + "/gpu/instances?pageSize=100")?.json
        #expect(list?["total"] == 3)
        guard case .array(let page)? = list?["instances"] else { return #expect(Bool(false), "no list") }
        #expect(page.count == 2)
        kill(run.process.processIdentifier, signal)
        #expect(try run.end().status == 0)
    }

    @Test(
        "settings that cannot be are told all at once, with status 78",
        arguments: [
            (["--listen", "nowhere", "--page-cap", "0", "--speed=-1"], [:], ["SIM_LISTEN", "page-cap", "speed"]),
            ([], ["SIM_LISTEN": "nowhere", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml"], ["SIM_LISTEN", "LOG_LEVEL", "LOG_FORMAT"]),
            (["--instances", "20001", "--not-found-status", "500"], [:], ["instances", "not-found-status"]),
        ] as [([String], [String: String], [String])])
    func invalidSettings(arguments: [String], environment: [String: String], named: [String]) throws {
        let (log, status) = try Run(arguments, environment: environment).end()
        #expect(status == 78)
        for name in named { #expect(log.contains(name)) }
    }
}
