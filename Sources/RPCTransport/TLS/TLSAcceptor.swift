internal import Crypto
internal import NIOCore
internal import NIOSSL
internal import RPCCore
internal import Synchronization

/// Takes accepted connections through TLS. Bounds how long one may take for it, and how many may be at it.
final class TLSAcceptor: Sendable {
    private let tls: ServerTLS
    private let timeout: Duration
    private let limit: Int
    private let counters: ServerCounters
    private let inProgress = Mutex(HandshakesInProgress())

    init(_ tls: ServerTLS, configuration: RPCServerConfiguration, counters: ServerCounters) {
        self.tls = tls
        self.timeout = configuration.handshakeTimeout
        self.limit = configuration.handshakesMax
        self.counters = counters
    }

    var countInProgress: Int { self.inProgress.withLock { $0.count } }

    /// - Parameters:
    ///   - serve: takes over a connection that is encrypted, with the client's certificate if it has shown one.
    ///   - onEnd: told when it is no longer counted here, whatever has become of it: after it was taken over.
    func accept(
        _ channel: any Channel, then serve: @escaping @Sendable (any Channel, PeerCertificate?) throws -> Void,
        onEnd: @escaping @Sendable () -> Void
    ) throws {
        let (number, evicted) = self.inProgress.withLock { $0.add(channel, atMost: self.limit) }
        evicted?.close(promise: nil)
        let handshake = TLSHandshake(timeout: self.timeout) { channel, result in
            // One that had to go meanwhile is closed in a moment, and is not served until then.
            let isWanted = self.inProgress.withLock { $0.contains(number) }
            self.finish(channel, isWanted ? result : .failure(Self.evicted), then: serve)
            self.inProgress.withLock { $0.remove(number) }
            onEnd()
        }
        let gate = ClientHelloGate { gate, channel in
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: self.tls.context), position: .after(gate))
        }
        try channel.pipeline.syncOperations.addHandlers([gate, handshake])
    }

    /// Gives up what is not through.
    func abort() {
        for (number, channel) in self.inProgress.withLock({ $0.all }) {
            // There, because that is where it gets through: one that has is not cut off.
            channel.eventLoop.execute {
                if self.inProgress.withLock({ $0.contains(number) }) { channel.close(promise: nil) }
            }
        }
    }

    private static let evicted = TLSHandshake.Failure(reason: "too many TLS handshakes were in progress")

    private func finish(
        _ channel: any Channel, _ result: Result<NIOSSLCertificate?, TLSHandshake.Failure>,
        then serve: (any Channel, PeerCertificate?) throws -> Void
    ) {
        do {
            let certificate = try result.get()
            try serve(channel, certificate.map { try PeerCertificate($0) })
        } catch {
            if case .failure = result { self.counters.add(failedHandshakes: 1) }
            channel.close(promise: nil)
        }
    }
}

extension PeerCertificate {
    /// Names are taken as they are or not at all: one with a character that is not printable ASCII could be shown as another than it is.
    init(_ certificate: NIOSSLCertificate) throws {
        var uris: [String] = []
        var dnsNames: [String] = []
        for name in certificate._subjectAlternativeNames() where name.contents.allSatisfy({ (0x21...0x7e).contains($0) }) {
            let text = String(decoding: name.contents, as: UTF8.self)
            switch name.nameType {
            case .uri: uris.append(text)
            case .dnsName: dnsNames.append(text.lowercased())
            default: break
            }
        }
        let fingerprint = Array(SHA256.hash(data: try certificate.toDERBytes()))
        self.init(uris: uris, dnsNames: dnsNames, fingerprint: fingerprint, expiresAt: Int64(certificate.notValidAfter))
    }
}
