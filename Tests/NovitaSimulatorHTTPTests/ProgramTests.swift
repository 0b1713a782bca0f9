import Foundation
import NovitaSimulatorHTTP
import TestSupport
import Testing

/// The program itself, as a process.
@Suite("novita-sim") struct ProgramTests {
    /// Built beside the test bundle.
    private static let path: String? = CommandLine.arguments.first { $0.hasSuffix(".xctest") }
        .map { URL(filePath: $0).deletingLastPathComponent().appending(path: "novita-sim").path }

    private static func program(_ arguments: [String], _ environment: [String: String] = [:]) throws -> ChildProcess {
        ChildProcess(try #require(self.path), arguments, environment: environment)
    }

    @Test(
        "port 0 picks a free port, told in the first line and in the port file; SIGTERM and SIGINT end it with 0",
        arguments: [SIGTERM, SIGINT])
    func serve(signal: Int32) async throws {
        let portFile = FileManager.default.temporaryDirectory.appending(path: "novita-sim-\(UUID().uuidString).port")
        defer { try? FileManager.default.removeItem(at: portFile) }
        let program = try Self.program(
            ["--port-file", portFile.path, "--speed", "0", "--instances", "3", "--page-cap", "2"],
            ["SIM_LISTEN": "127.0.0.1:0", "LOG_LEVEL": ""])
        let (_, status) = try await program.run { process in
            let line = try #require(try await process.nextLine())
            #expect(line.contains("listening"))
            try await eventually("the port file is there") { FileManager.default.fileExists(atPath: portFile.path) }
            let port = try #require(Int(String(contentsOf: portFile, encoding: .utf8).trimmingCharacters(in: .newlines)))
            #expect(line.contains("127.0.0.1:\(port)"))
            let client = RawClient(address: .tcp(host: "127.0.0.1", port: port))
            let list = try await client.send("GET", RunningSimulator.v1 + "/gpu/instances?pageSize=100")?.json
            #expect(list?["total"] == 3)
            guard case .array(let page)? = list?["instances"] else { return #expect(Bool(false), "no list") }
            #expect(page.count == 2)
            process.send(signal)
            _ = try await process.remainingLines()
        }
        #expect(status == 0)
    }

    @Test(
        "settings that cannot be are told all at once, with status 78",
        arguments: [
            (["--listen", "nowhere", "--page-cap", "0", "--speed=-1"], [:], ["SIM_LISTEN", "page-cap", "speed"]),
            ([], ["SIM_LISTEN": "nowhere", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml"], ["SIM_LISTEN", "LOG_LEVEL", "LOG_FORMAT"]),
            (["--instances", "20001", "--not-found-status", "500"], [:], ["instances", "not-found-status"]),
        ] as [([String], [String: String], [String])])
    func invalidSettings(arguments: [String], environment: [String: String], named: [String]) async throws {
        let outcome = try await Self.program(arguments, environment).run()
        #expect(outcome.status == 78)
        for name in named { #expect(outcome.errors.contains(name)) }
    }
}
