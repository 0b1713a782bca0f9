/// The header fields of a request, as far as gRPC cares, taken one by one and judged at the end.
///
/// nghttp2 has checked what HTTP/2 demands; this checks what gRPC demands, in a fixed order, so that a request with several faults
/// always gets the same answer.
package struct RequestHead: Sendable {
    package enum HTTPMethod: Sendable { case post, get, other }

    package private(set) var httpMethod = HTTPMethod.other
    /// What follows `application/grpc`, to be answered likewise: empty, or for example `+proto`.
    package private(set) var contentSubtype = ""
    package private(set) var timeout: Timeout?
    package private(set) var metadata = Metadata()
    /// nil when there is no such method.
    package private(set) var method: RegisteredMethod?
    /// Only when there is no such method.
    package private(set) var unknownPath = ""

    /// The coding of the request's messages; nil when they come as they are.
    package private(set) var requestCodec: MessageCodec?
    /// The coding of ours that the client takes in responses.
    package private(set) var responseCodec: MessageCodec?
    /// Whether the client has said which codings it uses or takes, and so may want to know ours.
    package private(set) var asksForCodings = false

    private let routes: RouteTable
    private let codecs: MessageCodecs
    private var contentType: String?
    private var isContentTypeValid = false
    private var authorityCount = 0
    private var hostCount = 0
    /// The first `grpc-encoding` that we do not know.
    private var unknownEncoding: String?
    /// The first field whose value gRPC forbids.
    private var syntaxError: RPCError?

    package init(routes: RouteTable, codecs: MessageCodecs = MessageCodecs()) {
        self.routes = routes
        self.codecs = codecs
    }

    /// Takes one field. Names are in lower case, as HTTP/2 has them.
    package mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
        guard name.count > 0 else { return }
        switch name[0] {
        case UInt8(ascii: ":"): self.addPseudoField(name, value)
        case UInt8(ascii: "t") where FieldName.te.isEqual(to: name): break
        case UInt8(ascii: "c") where FieldName.contentType.isEqual(to: name): self.addContentType(value)
        case UInt8(ascii: "g") where FieldName.grpc.isPrefix(of: name): self.addReservedField(name, value)
        case UInt8(ascii: "h") where FieldName.host.isEqual(to: name): self.hostCount += 1
        default: self.addMetadata(name, value)
        }
    }

    private mutating func addPseudoField(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        if FieldName.path.isEqual(to: name) {
            self.method = self.routes.method(at: value)
            if self.method == nil { self.unknownPath = String(lossy: value) }
        } else if FieldName.method.isEqual(to: name) {
            self.httpMethod = FieldValue.post.isEqual(to: value) ? .post : FieldValue.get.isEqual(to: value) ? .get : .other
        } else if FieldName.authority.isEqual(to: name) {
            self.authorityCount += 1
        }
    }

    private mutating func addContentType(_ value: Span<UInt8>) {
        if FieldValue.grpc.isEqual(to: value) {
            self.isContentTypeValid = true
            self.contentType = ""
            return
        }
        let text = String(lossy: value)
        self.contentType = text
        guard FieldValue.grpc.isPrefix(of: value) else { return }
        let mark = value[FieldValue.grpc.count]
        self.isContentTypeValid = mark == UInt8(ascii: "+") || mark == UInt8(ascii: ";")
        if mark == UInt8(ascii: "+") { self.contentSubtype = String(text.dropFirst(FieldValue.grpc.count)) }
    }

    private mutating func addReservedField(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        if FieldName.timeout.isEqual(to: name) {
            self.timeout = Timeout(value)
            if self.timeout == nil { self.note(fault: "malformed grpc-timeout \"\(String(lossy: value))\"") }
        } else if FieldName.encoding.isEqual(to: name) {
            self.addEncoding(String(lossy: value))
        } else if FieldName.acceptEncoding.isEqual(to: name) {
            self.responseCodec = self.responseCodec ?? self.codecs.firstListed(in: value)
            self.asksForCodings = true
        } else if FieldName.previousAttempts.isEqual(to: name) {
            self.addMetadata(name, value)
        }
    }

    private mutating func addEncoding(_ name: String) {
        self.asksForCodings = true
        switch self.codecs.lookup(name) {
        case .identity: break
        case .codec(let codec): self.requestCodec = codec
        case .unknown: self.unknownEncoding = self.unknownEncoding ?? name
        }
    }

    private mutating func addMetadata(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        do throws(RPCError) { try self.metadata.appendReceived(name: name, value: value) } catch {
            self.syntaxError = self.syntaxError ?? error
        }
    }

    private mutating func note(fault: String) {
        self.syntaxError = self.syntaxError ?? RPCError(code: .internal, message: fault)
    }
}

// MARK: - The verdict

extension RequestHead {
    /// An answer that ends the call before it began: Trailers-Only.
    package struct Refusal: Error, Sendable {
        /// 200 for everything that is gRPC; 400, 405 and 415 where HTTP knows better.
        package var httpStatus = 200
        package var error: RPCError
        /// Whether to name the encodings that we know.
        package var listsEncodings = false
    }

    /// The checks in the order of grpc-go, whose answers clients know. (A GET is 405 whatever its content type: a browser should see that.)
    ///
    /// - Parameters:
    ///   - isTruncated: whether the header list was beyond the announced limit.
    ///   - busy: the connection's own reason to take no further call.
    /// - Returns: the method to call.
    package func judged(isTruncated: Bool, busy: RPCError? = nil) throws(Refusal) -> RegisteredMethod {
        if isTruncated { throw Refusal(error: RPCError(code: .resourceExhausted, message: "the request's headers are too large")) }
        if self.authorityCount > 1 || self.hostCount > 1 {
            throw Refusal(httpStatus: 400, error: RPCError(code: .internal, message: "more than one authority"))
        }
        try self.checkContentType()
        if let syntaxError = self.syntaxError { throw Refusal(httpStatus: 400, error: syntaxError) }
        if let busy { throw Refusal(error: busy) }
        if self.httpMethod != .post { throw Self.wrongMethod }
        if self.timeout?.nanoseconds == 0 { throw Refusal(error: RPCError(code: .deadlineExceeded, message: "the deadline is over")) }
        guard let method = self.method else { throw Refusal(error: self.routes.refusal(ofPath: self.unknownPath)) }
        try self.checkCodings()
        return method
    }

    private static let wrongMethod = Refusal(httpStatus: 405, error: RPCError(code: .internal, message: "the HTTP method is not POST"))

    private func checkContentType() throws(Refusal) {
        guard !self.isContentTypeValid else { return }
        if self.httpMethod != .post { throw Self.wrongMethod }
        let message = self.contentType.map { "invalid content-type \"\($0)\"" } ?? "no content-type"
        throw Refusal(httpStatus: 415, error: RPCError(code: .invalidArgument, message: message))
    }

    private func checkCodings() throws(Refusal) {
        let subtype = self.contentSubtype.prefix { $0 != ";" }
        guard subtype.isEmpty || subtype == "+proto" else {
            throw Refusal(error: RPCError(code: .unimplemented, message: "no codec for application/grpc\(subtype)"))
        }
        guard let unknownEncoding else { return }
        let error = RPCError(code: .unimplemented, message: "unknown grpc-encoding \"\(unknownEncoding)\"")
        throw Refusal(error: error, listsEncodings: true)
    }
}

private enum FieldName {
    static let method = Array(":method".utf8)
    static let path = Array(":path".utf8)
    static let authority = Array(":authority".utf8)
    static let host = Array("host".utf8)
    static let te = Array("te".utf8)
    static let contentType = Array("content-type".utf8)
    static let grpc = Array("grpc-".utf8)
    static let timeout = Array("grpc-timeout".utf8)
    static let encoding = Array("grpc-encoding".utf8)
    static let acceptEncoding = Array("grpc-accept-encoding".utf8)
    static let previousAttempts = Array("grpc-previous-rpc-attempts".utf8)
}

private enum FieldValue {
    static let post = Array("POST".utf8)
    static let get = Array("GET".utf8)
    static let grpc = Array("application/grpc".utf8)
}

extension Array where Element == UInt8 {
    func isPrefix(of other: Span<UInt8>) -> Bool {
        other.count > self.count && self.isEqual(to: other.extracting(first: self.count))
    }
}
