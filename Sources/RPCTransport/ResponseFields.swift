internal import HTTP2Session
internal import RPCCore

/// The header blocks that a server sends. Those that never change are made once.
enum ResponseFields {
    private static let ok = OutgoingHeaders(constant: ConstantHeaders([(":status", "200"), ("content-type", "application/grpc")]))
    private static let okProto = OutgoingHeaders(
        constant: ConstantHeaders([(":status", "200"), ("content-type", "application/grpc+proto")]))
    private static let okListing = OutgoingHeaders(
        constant: ConstantHeaders([
            (":status", "200"), ("content-type", "application/grpc"), ("grpc-accept-encoding", Self.acceptedEncodings),
        ]))
    static let statusOK = OutgoingHeaders(constant: ConstantHeaders([("grpc-status", "0")]))

    /// The same as `MessageCodecs.standard.accepted`, as a literal: it goes out with every response to a client that knows codings.
    static let acceptedEncodings: StaticString = "identity,gzip,deflate"

    /// What gRPC's own fields of a response's headers count in a header list, with room to spare.
    static let headersSize = 256

    /// What every response to the same request headers begins with.
    static func headers(subtype: String, listsEncodings: Bool) -> OutgoingHeaders {
        switch (subtype, listsEncodings) {
        case ("", false): self.ok
        case ("", true): self.okListing
        case ("+proto", false): self.okProto
        default: OutgoingHeaders(fields: self.unusual(status: 200, subtype: subtype, listsEncodings: listsEncodings))
        }
    }

    static func refusal(_ refusal: RequestHead.Refusal, subtype: String, limit: Int) -> OutgoingHeaders {
        let trailers = StatusTrailers.fields(for: refusal.error, limit: limit - self.headersSize)
        let headers = self.unusual(status: refusal.httpStatus, subtype: subtype, listsEncodings: refusal.listsEncodings)
        return OutgoingHeaders(fields: headers + self.fields(trailers))
    }

    static func fields(_ fields: [WireField]) -> [HeaderField] { fields.map { HeaderField($0.name, $0.value) } }

    private static func unusual(status: Int, subtype: String, listsEncodings: Bool) -> [HeaderField] {
        [HeaderField(":status", "\(status)"), HeaderField("content-type", "application/grpc\(subtype)")]
            + (listsEncodings ? [HeaderField("grpc-accept-encoding", "\(self.acceptedEncodings)")] : [])
    }
}

/// `GET /livez`, for balancers that speak HTTP/2 and no gRPC.
enum LivenessProbe {
    static let path = "/livez"
    static let headers = OutgoingHeaders(
        constant: ConstantHeaders([(":status", "200"), ("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]))
    /// At least 64 bytes: some conformance tests want a body to look at.
    static let body = Array("alive: this port speaks gRPC over HTTP/2 and its event loop answers requests\n".utf8)
}
