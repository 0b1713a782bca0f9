import Foundation
import RPCTransport
import TestSupport
import Testing

/// Authorities and what they have signed, made once by openssl: the server's certificate (`localhost`, 127.0.0.1), its successor, a
/// client's, and those of an authority that nobody trusts.
struct Certificates: Sendable {
    let folder: URL

    func path(_ name: String) -> String { self.folder.appending(path: name).path }
    func files(_ name: String, trusting authority: String? = nil) -> TLSFiles {
        TLSFiles(
            certificate: self.path("\(name).pem"), key: self.path("\(name).key"), authorities: authority.map { self.path("\($0).pem") })
    }

    static let shared = Task { try await Certificates() }

    private static let script = """
        set -eu
        cd "$0"
        authority() {
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem"
        }
        signed() {
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$2.key" -out "$2.csr"
            printf 'subjectAltName=%s\\nextendedKeyUsage=%s\\n' "$3" "$4" > "$2.ext"
            openssl x509 -req -in "$2.csr" -CA "$1.pem" -CAkey "$1.key" -CAcreateserial -days 2 -extfile "$2.ext" -out "$2.pem"
        }
        authority ca
        authority stranger
        signed ca server DNS:localhost,IP:127.0.0.1 serverAuth
        signed ca successor DNS:localhost,IP:127.0.0.1 serverAuth
        signed ca elsewhere DNS:elsewhere.example serverAuth
        signed ca ann URI:spiffe://test/ann,DNS:Ann.example clientAuth
        signed stranger eve URI:spiffe://test/ann clientAuth
        chmod 600 *.key
        """

    init(folder: URL) { self.folder = folder }

    private init() async throws {
        self.folder = FileManager.default.temporaryDirectory.appending(path: "novitai-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let shell = try await ChildProcess("/bin/sh", ["-c", Self.script, self.folder.path]).run()
        try #require(shell.status == 0, "\(shell.errors)")
    }
}
