package import RPCCore

extension MessageCodec {
    /// RFC 1952.
    package static let gzip = MessageCodec(.gzip)
    /// RFC 1950: what gRPC and HTTP call `deflate` has the wrapper of zlib around it.
    package static let deflate = MessageCodec(.deflate)

    private convenience init(_ format: ZlibFormat) {
        self.init(
            name: format.rawValue,
            compress: { (message, prefix) throws(RPCError) in
                do throws(ZlibError) { return try Zlib.compress(message, reserving: prefix, format) } catch {
                    throw RPCError(code: .internal, message: "the message cannot be compressed: \(error)")
                }
            },
            decompress: { (message, limit) throws(RPCError) in
                do throws(ZlibError) { return try Zlib.decompress(message, limit: limit, format) } catch {
                    throw RPCError(code: error.code, message: error.text(format, limit: limit))
                }
            })
    }
}

extension MessageCodecs {
    /// All that this target has.
    package static let standard = MessageCodecs([.gzip, .deflate])
}

extension ZlibError {
    /// What the sender of a message is told that does not unfold.
    var code: RPCError.Code {
        switch self {
        case .tooLong, .bomb: .resourceExhausted
        case .malformed, .outOfMemory: .internal
        }
    }

    fileprivate func text(_ format: ZlibFormat, limit: Int) -> String {
        switch self {
        case .tooLong: "the message unfolds to more than the limit of \(limit) bytes"
        case .bomb: "the message unfolds to more than \(Zlib.ratioMax) times its bytes"
        case .malformed, .outOfMemory: "the message is no \(format.rawValue)"
        }
    }
}
