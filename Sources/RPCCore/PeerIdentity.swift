/// Who is at the other end of a connection, as far as the connection itself proves it. What it means, who decides about calls says.
package enum PeerIdentity: Sendable, Hashable {
    /// A client certificate that an authority of the server's has signed.
    case certificate(PeerCertificate)
    /// The process at the other end of a socket file, as the kernel knows it.
    case process(PeerProcess)
}

/// What names the holder of a certificate.
package struct PeerCertificate: Sendable, Hashable {
    /// The subject alternative names that are URIs or DNS names, in the certificate's order.
    package let uris: [String]
    package let dnsNames: [String]
    /// SHA-256 over the certificate in DER.
    package let fingerprint: [UInt8]
    /// Seconds since 1970 after which it proves nothing any more, though its connection may live on, or be resumed.
    package let expiresAt: Int64

    package init(uris: [String], dnsNames: [String], fingerprint: [UInt8], expiresAt: Int64) {
        self.uris = uris
        self.dnsNames = dnsNames
        self.fingerprint = fingerprint
        self.expiresAt = expiresAt
    }
}

package struct PeerProcess: Sendable, Hashable {
    package let userID: UInt32
    package let groupID: UInt32
    package let processID: Int32

    package init(userID: UInt32, groupID: UInt32, processID: Int32) {
        self.userID = userID
        self.groupID = groupID
        self.processID = processID
    }
}
