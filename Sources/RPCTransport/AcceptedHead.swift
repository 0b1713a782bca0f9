internal import HTTP2Session
internal import RPCCore

/// Headers that began a call, and what became of them: mostly the next ones are the same, and need not be read again.
final class AcceptedHead {
    let block: SavedBlock
    let method: RegisteredMethod
    let timeout: Timeout?
    let metadata: Metadata
    let headers: OutgoingHeaders
    let decoder: MessageDecoder?
    let responseCodec: MessageCodec?

    init(_ block: SavedBlock, _ head: RequestHead, _ method: RegisteredMethod, _ server: ServerShared) {
        self.block = block
        self.method = method
        self.timeout = head.timeout
        self.metadata = head.metadata
        self.headers = ResponseFields.headers(subtype: head.contentSubtype, listsEncodings: head.asksForCodings)
        self.decoder = server.decoder(for: head.requestCodec)
        self.responseCodec = head.responseCodec
    }
}
