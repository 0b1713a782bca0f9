/// Files, in PEM, for encrypted connections.
package struct TLSSettings: Sendable, Hashable {
    package let certificate: String
    package let key: String
    /// Who may sign clients' certificates; nil asks for none.
    package let clientAuthorities: String?

    /// nil when nothing was given; half of it is reported.
    init?(reading reader: inout SettingsReader) {
        let certificate = reader.read(ServerOptions.tlsCertificateFile)
        let key = reader.read(ServerOptions.tlsKeyFile)
        self.clientAuthorities = reader.read(ServerOptions.tlsClientCAFile)
        if certificate == nil, key != nil { reader.report("TLS_CERT_FILE", "is required with TLS_KEY_FILE") }
        if certificate != nil, key == nil { reader.report("TLS_KEY_FILE", "is required with TLS_CERT_FILE") }
        if certificate == nil, key == nil, self.clientAuthorities != nil {
            reader.report("TLS_CERT_FILE", "is required with TLS_CLIENT_CA_FILE: clients show certificates on encrypted connections only")
        }
        guard let certificate, let key else { return nil }
        self.certificate = certificate
        self.key = key
    }
}
