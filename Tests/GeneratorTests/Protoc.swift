import Foundation
import TestSupport
import Testing

/// Runs protoc with the plugin that was built beside the tests, on files written for one test.
struct Protoc {
    struct Outcome {
        var status: Int32
        var errors: String
        /// The generated files, by their path below the output directory.
        var files: [String: String]
    }

    /// `files` are the sources by their path; those ending in `.proto` are all generated.
    static func generate(_ files: [String: String], parameter: String = "") async throws -> Outcome {
        let directory = FileManager.default.temporaryDirectory.appending(path: "novitai-generator-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let (sources, output) = (directory.appending(path: "in"), directory.appending(path: "out"))
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        for (path, content) in files {
            let file = sources.appending(path: path)
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(content.utf8).write(to: file)
        }
        let parameters = (parameter.isEmpty ? [] : [parameter]) + ["c_module=C", "swift_module=S"]
        for module in ["C", "S"] {
            try FileManager.default.createDirectory(at: output.appending(path: module), withIntermediateDirectories: true)
        }
        let protoc = ChildProcess(
            "protoc",
            [
                "--plugin=protoc-gen-novitai=\(self.plugin.path)", "-I", sources.path, "--novitai_out=\(output.path)",
                "--novitai_opt=\(parameters.joined(separator: ","))",
            ] + files.keys.sorted())
        let outcome = try await protoc.run()
        return Outcome(status: outcome.status, errors: outcome.errors, files: try self.contents(of: output))
    }

    /// SwiftPM puts programs beside the test bundle.
    private static let plugin = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(
        path: "protoc-gen-novitai")

    private static func contents(of directory: URL) throws -> [String: String] {
        var files: [String: String] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: directory.path) {
            guard let text = try? String(contentsOf: directory.appending(path: path), encoding: .utf8) else { continue }
            files[path] = text
        }
        return files
    }
}
