import Foundation
import Logging
import Synchronization
import Testing
import Traces

@testable import Telemetry

@Suite("Fields of log lines")
struct LogFieldTests {
    /// Other spellings of what `LogField` names, as a key of metadata in the sources.
    private static let otherNames: Set<String> = [
        "request", "requestID", "requestId", "call", "callID", "trace", "traceID", "traceId", "span", "spanID", "spanId", "job", "jobID",
        "jobId", "instance", "instanceID", "instanceId", "machine", "machineID", "upstream_id", "x-request-id",
    ]

    private static var root: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    /// The keys of metadata in a source: `"key": "\(…)"`, and `metadata["key"]`.
    private static func keys(in source: String) throws -> Set<String> {
        let literal = /"([A-Za-z_.\-]+)": "\\\(/
        let subscripted = /etadata\["([A-Za-z_.\-]+)"\]/
        return Set(source.matches(of: literal).map { String($0.1) } + source.matches(of: subscripted).map { String($0.1) })
    }

    @Test("whose work a line is about stands under the same names wherever lines are written")
    func names() throws {
        let folder = Self.root.appendingPathComponent("Sources")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var all: Set<String> = []
        for case let file as URL in files where file.pathExtension == "swift" && !file.path.contains("NovitaiProto/") {
            let source = try String(contentsOf: file, encoding: .utf8)
            guard source.contains("import Logging") else { continue }
            let keys = try Self.keys(in: source)
            #expect(keys.isDisjoint(with: Self.otherNames), "\(file.lastPathComponent)")
            all.formUnion(keys)
        }
        // The search finds what is there.
        #expect(all.isSuperset(of: ["call_id", "job_id", "instance_id", "machine_id", "upstream_request_id", "method"]))
    }

    @Test("the documentation has every name", arguments: LogField.allCases)
    func documented(_ field: LogField) throws {
        let text = try String(contentsOf: Self.root.appendingPathComponent("docs/tracing.md"), encoding: .utf8)
        #expect(text.contains("| `\(field.rawValue)` |"))
    }

    @Test("a line takes the fields of the work that its task does, and its own over them")
    func work() throws {
        final class Lines: Sendable {
            let list = Mutex<[String]>([])
        }
        let lines = Lines()
        var handler = LineLogHandler(label: "l", level: .info, format: .json, now: { 0 }) { line in
            lines.list.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
        }
        handler.metadataProvider = .work
        let log = Logger(label: "l") { [handler] _ in handler }
        let trace = TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        WorkContext.$current.withValue(WorkContext(requestID: "r", jobID: "j", instanceID: "i", trace: trace)) {
            log.info("in", metadata: ["job_id": "own"])
        }
        log.info("out")
        let written = lines.list.withLock { $0 }
        let fields = try written.map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String]) }
        let wanted = [
            "request_id": "r", "job_id": "own", "instance_id": "i", "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "span_id": "b7ad6b7169203331",
        ]
        #expect(fields[0].filter { wanted[$0.key] != nil } == wanted)
        #expect(Set(fields[1].keys).isDisjoint(with: wanted.keys))
    }
}
