internal import NIOSSL
internal import Synchronization

/// What a server shows and asks for when a connection begins. It can be exchanged while the server runs: connections that are there go on
/// with what they began with.
package final class ServerTLS: Sendable {
    private struct State {
        var context: NIOSSLContext
        var expiresAt: Int64
    }

    private let state: Mutex<State>

    package init(_ files: TLSFiles) throws(TLSFileError) {
        self.state = Mutex(try Self.state(files))
    }

    /// Reads files, which may be the same with another content. Those that cannot be used change nothing.
    package func replace(_ files: TLSFiles) throws(TLSFileError) {
        let state = try Self.state(files)
        self.state.withLock { $0 = state }
    }

    /// When the certificate ends, in seconds since 1970.
    package var expiresAt: Int64 { self.state.withLock { $0.expiresAt } }

    var context: NIOSSLContext { self.state.withLock { $0.context } }

    private static func state(_ files: TLSFiles) throws(TLSFileError) -> State {
        guard let identity = try files.identity() else { throw TLSFileError(part: .certificate, reason: "is required") }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: identity.chain.map { .certificate($0) }, privateKey: .privateKey(identity.key))
        try files.restrict(&configuration)
        let asksForCertificate = files.authorities != nil
        // A client that shows none may still have a token; one that shows a wrong one gets no further than the handshake.
        configuration.certificateVerification = asksForCertificate ? .optionalVerification : .none
        configuration.sendCANameList = asksForCertificate
        return State(
            context: try TLSFiles.makeContext(configuration), expiresAt: identity.chain.map { Int64($0.notValidAfter) }.min() ?? 0)
    }
}
