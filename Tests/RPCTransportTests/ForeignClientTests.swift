import Foundation
import RPCTransport
import Synchronization
import TestSupport
import Testing

/// Real clients of others: grpcio (C-core), and raw HTTP/2 frames by h2. `clients/cases.py` makes the calls and says what it saw.
@Suite("Calls of other clients to our server")
struct ForeignClientTests {
    static let cases = [
        // grpcio
        "unary", "empty_unary", "large_unary", "server_stream", "client_stream", "ping_pong", "empty_stream", "custom_metadata",
        "status_code_and_message", "special_status_message", "status_details", "large_details_are_dropped", "stray_error",
        "unimplemented_method", "unimplemented_service", "deadline", "cancel_unary", "cancel_stream", "cancel_after_first_response",
        "large_request_refused", "compressed_requests", "compressed_responses", "early_end", "thousand_concurrent", "slow_reader",
        "half_read_upload",
        // raw frames
        "livez", "get_405", "content_type_415", "bad_timeout_400", "bad_binary_400", "zero_timeout", "large_headers", "no_message",
        "two_messages", "cut_message", "compressed_flag", "unknown_flag", "huge_prefix", "unary_without_end", "without_te",
        "deadline_on_open_stream", "unknown_encoding", "compressed_garbage", "compression_bomb", "flags_of_requests", "flags_of_responses",
        "subtype_echoed", "ping_flood", "http1", "silent_client", "bad_first_frame", "leaked_streams",
    ]

    private static let verdicts = Task { try await run() }

    @Test("sees what the specification says", arguments: cases)
    func verdict(_ name: String) async throws {
        let verdicts = try await Self.verdicts.value
        #expect(verdicts[name] == "ok", "\(verdicts[name] ?? "no verdict")")
    }

    @Test("every case of the script is asked for")
    func complete() async throws {
        #expect(try await Set(Self.verdicts.value.keys) == Set(Self.cases))
    }

    private static func run() async throws -> [String: String] {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "clients/cases.py").path()
        let output = Mutex("")
        try await Rig.run({ $0.handshakeTimeout = .milliseconds(300) }) { rig in
            // A proxy of the environment, a developer's or another test's, is not what is tested here.
            let proxies = ProcessInfo.processInfo.environment.keys.filter { $0.lowercased().hasSuffix("_proxy") }
            let outcome = try await ChildProcess(TestPython.path, [script, rig.address.description]).without(proxies).run()
            output.withLock { $0 = String(decoding: outcome.output, as: UTF8.self) }
        }
        var verdicts: [String: String] = [:]
        for line in output.withLock({ $0 }).split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2 { verdicts[String(parts[0])] = String(parts[1]) }
        }
        return verdicts
    }
}
