internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Stands behind the TLS handler until both sides have agreed to speak HTTP/2, or have not. Bound to its channel's loop.
final class TLSHandshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    struct Failure: Error {
        /// In words for people.
        let reason: String
    }

    private let timeout: Duration
    private var completion: ((any Channel, Result<NIOSSLCertificate?, Failure>) -> Void)?
    private var timer: Scheduled<Void>?

    /// - Parameters:
    ///   - timeout: from now to the end of the handshake.
    ///   - completion: told once, with the other side's certificate if it has shown one. Whatever it puts into the pipeline gets what follows.
    init(timeout: Duration, completion: @escaping (any Channel, Result<NIOSSLCertificate?, Failure>) -> Void) {
        self.timeout = timeout
        self.completion = completion
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(self.timeout)) {
            self.finish(channel, .failure(Failure(reason: "the TLS handshake timed out")))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let negotiated) = event as? TLSUserEvent else { return context.fireUserInboundEventTriggered(event) }
        guard negotiated == TLSProtocol.http2 else {
            return self.finish(context.channel, .failure(Failure(reason: "the peer does not agree to speak HTTP/2 (ALPN h2)")))
        }
        // Another handler of ours cannot be between: the certificate is there or was not asked for.
        let certificate = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self).peerCertificate
        self.finish(context.channel, .success(certificate))
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.finish(context.channel, .failure(Failure(reason: TLSFailure.text(error))))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.finish(context.channel, .failure(Failure(reason: "the connection was closed within the TLS handshake")))
        context.fireChannelInactive()
    }

    /// A channel that is closed before it was active is only removed.
    func handlerRemoved(context: ChannelHandlerContext) {
        self.finish(context.channel, .failure(Failure(reason: "the connection was closed before the TLS handshake")))
    }

    private func finish(_ channel: any Channel, _ result: Result<NIOSSLCertificate?, Failure>) {
        guard let completion = self.completion else { return }
        self.completion = nil
        self.timer?.cancel()
        self.timer = nil
        completion(channel, result)
    }
}

/// What went wrong in TLS, in words for people.
enum TLSFailure {
    static func text(_ error: any Error) -> String {
        switch error {
        case NIOSSLError.handshakeFailed(.sslError(let stack)): self.text(stack.map(\.description).joined(separator: " "))
        case NIOSSLError.handshakeFailed: "the TLS handshake failed"
        case is NIOSSLExtraError: "the certificate is not that of the server that was asked for"
        case NIOSSLError.uncleanShutdown: "the connection was closed within the TLS handshake"
        default: "\(error)"
        }
    }

    /// BoringSSL's words for what happens most.
    private static let known = [
        ("CERTIFICATE_VERIFY_FAILED", "the certificate is not trusted"), ("WRONG_VERSION_NUMBER", "the peer does not speak TLS"),
        ("HTTP_REQUEST", "the peer does not speak TLS"), ("NO_APPLICATION_PROTOCOL", "the peer does not speak HTTP/2 (ALPN h2)"),
        ("UNKNOWN_CA", "the peer does not trust the certificate"), ("CERTIFICATE_REQUIRED", "the peer wants a certificate"),
        ("BAD_CERTIFICATE", "the peer does not accept the certificate"), ("PROTOCOL_VERSION", "no common version of TLS"),
        ("UNSUPPORTED_PROTOCOL", "no common version of TLS"), ("NO_SHARED_CIPHER", "no common cipher"),
        ("EOF during handshake", "the connection was closed within the TLS handshake"),
    ]

    private static func text(_ stack: String) -> String {
        self.known.first { stack.contains($0.0) }?.1 ?? "the TLS handshake failed (\(stack))"
    }
}
