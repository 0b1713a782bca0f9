internal import Foundation
internal import Testing

/// `tls_server.py` on loopback, with a self-signed certificate that is made for it.
package enum TLSServer {
    package enum Mode: String, Sendable {
        case http1, http2
        case http2Refuse = "http2-refuse"
    }

    /// - Parameters:
    ///   - name: whose certificate it is, as in `subjectAltName`.
    ///   - body: with the port, and the path of the certificate for who trusts it.
    /// - Returns: how many requests it has seen.
    package static func run(
        name: String = "IP:127.0.0.1", _ mode: Mode = .http1, _ body: (_ port: Int, _ certificate: String) async throws -> Void
    ) async throws -> Int {
        let folder = FileManager.default.temporaryDirectory.appending(path: "novitai-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let certificate = folder.appending(path: "certificate.pem").path
        let key = folder.appending(path: "key.pem").path
        try await self.makeCertificate(name, certificate, key)
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "tls_server.py").path
        let server = ChildProcess("python3", [script, certificate, key, mode.rawValue])
        let (lines, _) = try await server.run { process in
            let port = try #require(Int(try await process.nextLine() ?? ""))
            try await body(port, certificate)
            try await process.closeInput()
            return try await process.remainingLines()
        }
        return lines.count { $0 == "request" }
    }

    private static func makeCertificate(_ name: String, _ file: String, _ keyFile: String) async throws {
        let openssl = ChildProcess(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test", "-addext",
                "subjectAltName=\(name)", "-keyout", keyFile, "-out", file,
            ])
        let outcome = try await openssl.run()
        try #require(outcome.status == 0, "\(outcome.errors)")
    }
}
