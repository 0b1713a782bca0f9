/// The fields of a header block that a server sent: its response's headers, its trailers, or both in one.
package struct ResponseHead: Sendable {
    /// The value of `:status`; nil in trailers.
    package private(set) var httpStatus: Int?
    /// nil without `grpc-status`; UNKNOWN for a value that is no status.
    package private(set) var code: RPCError.Code?
    package private(set) var message = ""
    /// The decoded value of `grpc-status-details-bin`.
    package private(set) var details: [UInt8] = []
    package private(set) var metadata = Metadata()
    package private(set) var contentType = ""
    package private(set) var encoding: String?

    package init() {}

    package mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
        let key = String(lossy: name)
        switch key {
        case ":status": self.httpStatus = Int(String(lossy: value))
        case "content-type": self.contentType = String(lossy: value)
        case "grpc-status": self.code = UInt8(String(lossy: value)).flatMap { RPCError.Code(rawValue: $0) } ?? .unknown
        case "grpc-message": self.message = PercentEncoding.decode(String(lossy: value))
        case "grpc-status-details-bin": self.details = Base64.decode(Array(copying: value)) ?? []
        case "grpc-encoding": self.encoding = String(lossy: value)
        case _ where key.hasPrefix("grpc-") && Metadata.isReserved(key): break
        // A value that cannot be decoded must not hide the status that comes with it.
        default: try? self.metadata.appendReceived(name: name, value: value)
        }
    }

    var isInterim: Bool { self.httpStatus.map { (100..<200).contains($0) } ?? false }
}

extension RPCError.Code {
    /// What a response without `grpc-status` means (grpc/grpc `doc/http-grpc-status-mapping.md`).
    package init(httpStatus: Int) {
        switch httpStatus {
        case 400, 431: self = .internal
        case 401: self = .unauthenticated
        case 403: self = .permissionDenied
        case 404: self = .unimplemented
        case 429, 502, 503, 504: self = .unavailable
        default: self = .unknown
        }
    }

    /// What a RST_STREAM from the server means (grpc/grpc `doc/PROTOCOL-HTTP2.md`, "Errors"); `code` is one of RFC 9113, section 7.
    package init(resetCode code: UInt32) {
        switch code {
        case 7: self = .unavailable
        case 8: self = .cancelled
        case 11: self = .resourceExhausted
        case 12: self = .permissionDenied
        case 5: self = .unknown
        default: self = .internal
        }
    }
}
