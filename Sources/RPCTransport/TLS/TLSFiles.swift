internal import NIOCore
internal import NIOSSL
internal import SystemPackage

/// The files, in PEM, that make one side of TLS.
package struct TLSFiles: Sendable, Hashable {
    package enum Part: Sendable, Hashable {
        case certificate, key, authorities
    }

    /// Our certificate, and behind it those between it and the root; nil when we show none.
    package var certificate: String?
    /// The key of the first of them. Nobody but its owner may write it, nobody but its owner and group read it.
    package var key: String?
    /// Who may sign the other side's certificate; nil for the system's authorities (a client) or for asking for no certificate (a server).
    package var authorities: String?

    package init(certificate: String? = nil, key: String? = nil, authorities: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.authorities = authorities
    }
}

/// Why a file cannot be used.
package struct TLSFileError: Error, Sendable, Hashable {
    package let part: TLSFiles.Part
    /// In words for people, after the file's name.
    package let reason: String
}

extension TLSFiles {
    /// What others may not do with a key's file.
    private static let forbiddenKeyPermissions: FilePermissions = [.groupWrite, .groupExecute, .otherReadWriteExecute]

    struct Identity {
        var chain: [NIOSSLCertificate]
        var key: NIOSSLPrivateKey
    }

    /// nil when we show no certificate.
    func identity() throws(TLSFileError) -> Identity? {
        guard let certificate else { return nil }
        guard let key else { throw TLSFileError(part: .key, reason: "must be given with the certificate") }
        let chain = try Self.certificates(in: certificate, .certificate)
        try Self.checkPermissions(ofKey: key)
        do {
            return Identity(chain: chain, key: try NIOSSLPrivateKey(file: key, format: .pem))
        } catch {
            throw TLSFileError(part: .key, reason: "holds no private key in PEM without a passphrase")
        }
    }

    /// TLS 1.3, or TLS 1.2 with what HTTP/2 leaves of it: forward secrecy and authenticated encryption (RFC 9113, appendix A).
    ///
    /// BoringSSL never renegotiates as a server, compresses nothing, takes no early data unless told to, and rotates its ticket keys.
    func restrict(_ configuration: inout TLSConfiguration) throws(TLSFileError) {
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuiteValues = [
            .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]
        configuration.applicationProtocols = [TLSProtocol.http2]
        configuration.shutdownTimeout = TLSProtocol.shutdownTimeout
        guard let authorities else { return }
        configuration.trustRoots = .certificates(try Self.certificates(in: authorities, .authorities))
    }

    /// Everything else has been looked at before: what is left is a key of another certificate.
    static func makeContext(_ configuration: TLSConfiguration) throws(TLSFileError) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSFileError(part: .key, reason: "is not the key of the certificate")
        }
    }

    private static func certificates(in path: String, _ part: Part) throws(TLSFileError) -> [NIOSSLCertificate] {
        _ = try self.permissions(of: path, part)
        let certificates = (try? NIOSSLCertificate.fromPEMFile(path)) ?? []
        guard !certificates.isEmpty else { throw TLSFileError(part: part, reason: "holds no certificate in PEM") }
        return certificates
    }

    private static func checkPermissions(ofKey path: String) throws(TLSFileError) {
        guard try self.permissions(of: path, .key).isDisjoint(with: self.forbiddenKeyPermissions) else {
            throw TLSFileError(part: .key, reason: "must not be open to others: its mode must be 0640 or less")
        }
    }

    private static func permissions(of path: String, _ part: Part) throws(TLSFileError) -> FilePermissions {
        do {
            return try FilePath(path).stat().permissions
        } catch {
            throw TLSFileError(part: part, reason: "cannot be read: \(error)")
        }
    }
}

enum TLSProtocol {
    static let http2 = "h2"
    /// How long the peer may take to answer our goodbye.
    static let shutdownTimeout = TimeAmount.seconds(1)
}
