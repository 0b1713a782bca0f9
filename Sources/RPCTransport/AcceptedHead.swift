internal import HTTP2Session
internal import RPCCore

/// What became of the headers that began a call. All calls whose headers are the same share it.
final class AcceptedHead {
    let method: RegisteredMethod
    let timeout: Timeout?
    let metadata: Metadata
    let headers: OutgoingHeaders
    let decoder: MessageDecoder?
    let responseCodec: MessageCodec?

    init(_ head: RequestHead, _ method: RegisteredMethod, _ server: ServerShared) {
        self.method = method
        self.timeout = head.timeout
        self.metadata = head.metadata
        self.headers = ResponseFields.headers(subtype: head.contentSubtype, listsEncodings: head.asksForCodings)
        self.decoder = server.decoder(for: head.requestCodec)
        self.responseCodec = head.responseCodec
    }
}
