internal import NIOCore
internal import NIOSSL

/// How a client knows its server, and what it shows of itself.
package final class ClientTLS: Sendable {
    private let context: NIOSSLContext

    /// - Parameter files: the authorities are the system's when it names none.
    package init(_ files: TLSFiles) throws(TLSFileError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        try files.restrict(&configuration)
        if let identity = try files.identity() {
            configuration.certificateChain = identity.chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(identity.key)
        }
        self.context = try TLSFiles.makeContext(configuration)
    }

    /// For a program that asks itself how it is, and has nothing to hide from who answers: any certificate will do, so that one for another
    /// name, or one that was exchanged and not read again yet, makes no server look dead.
    package static func withoutVerification() throws(TLSFileError) -> ClientTLS {
        var configuration = TLSConfiguration.makeClientConfiguration()
        try TLSFiles().restrict(&configuration)
        configuration.certificateVerification = .none
        return ClientTLS(context: try TLSFiles.makeContext(configuration))
    }

    private init(context: NIOSSLContext) { self.context = context }

    /// The handler that speaks TLS with a server of this name. The certificate must name it; where only an address is known, that address.
    func makeHandler(serverName: String) throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: self.context, serverHostname: Self.isAddress(serverName) ? nil : serverName)
    }

    private static func isAddress(_ name: String) -> Bool { (try? SocketAddress(ipAddress: name, port: 0)) != nil }
}
