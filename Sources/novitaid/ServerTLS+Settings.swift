import RPCTransport
import Settings

extension ServerTLS {
    /// nil when connections are not to be encrypted.
    static func open(_ settings: ServerSettings) throws(SettingsError) -> ServerTLS? {
        guard let tls = settings.tls else { return nil }
        do throws(TLSFileError) {
            return try ServerTLS(TLSFiles(tls))
        } catch {
            throw SettingsError([tls.violation(error)])
        }
    }

    func reload(_ settings: ServerSettings) throws(SettingsError) {
        guard let tls = settings.tls else { return }
        do throws(TLSFileError) {
            try self.replace(TLSFiles(tls))
        } catch {
            throw SettingsError([tls.violation(error)])
        }
    }
}

extension TLSFiles {
    fileprivate init(_ settings: TLSSettings) {
        self.init(certificate: settings.certificate, key: settings.key, authorities: settings.clientAuthorities)
    }
}

extension TLSSettings {
    fileprivate func violation(_ error: TLSFileError) -> SettingsViolation {
        switch error.part {
        case .certificate: SettingsViolation("TLS_CERT_FILE", "\(self.certificate) \(error.reason)")
        case .key: SettingsViolation("TLS_KEY_FILE", "\(self.key) \(error.reason)")
        case .authorities: SettingsViolation("TLS_CLIENT_CA_FILE", "\(self.clientAuthorities ?? "") \(error.reason)")
        }
    }
}
