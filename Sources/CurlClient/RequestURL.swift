internal import CCurl

/// A URL that passed the rules, in libcurl's normal form. libcurl's own parser reads it, so that what was checked is what is called.
struct RequestURL {
    let text: String

    /// - Throws: `.invalidRequest` for anything but an absolute URL of an allowed scheme without user name and password.
    init(_ text: String, schemes: HTTPClientConfiguration.Schemes) throws(HTTPClientError) {
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Self.refused("the URL has a space, a control or a non-ASCII character")
        }
        let parts = try Parts(text)
        switch (schemes, parts.scheme) {
        case (_, "https"), (.httpsOrHTTP, "http"): break
        case (.httpsOrLoopbackHTTP, "http") where Self.isLoopback(parts.host): break
        case (.httpsOrLoopbackHTTP, "http"): throw Self.refused("http is allowed to loopback addresses only")
        default: throw Self.refused("the scheme is not https")
        }
        self.text = parts.url
    }

    /// libcurl has brought every spelling of an IPv4 address into dotted form, and resolves `localhost` without asking a name server.
    private static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" || host == "[::1]" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return octets.count == 4 && octets[0] == 127 && !octets.contains(nil)
    }

    fileprivate static func refused(_ why: String) -> HTTPClientError {
        HTTPClientError(.invalidRequest, mayHaveBeenSent: false, why)
    }
}

/// The parts of a URL that the rules look at.
private struct Parts {
    let url: String
    let scheme: String
    let host: String

    init(_ text: String) throws(HTTPClientError) {
        guard let parser = unsafe curl_url() else {
            throw HTTPClientError(.internalFailure, mayHaveBeenSent: false, "out of memory")
        }
        defer { unsafe curl_url_cleanup(parser) }
        let status = unsafe curl_url_set(parser, CURLUPART_URL, text, UInt32(CURLU_DISALLOW_USER))
        guard status == CURLUE_OK, let url = unsafe Self.part(CURLUPART_URL, of: parser),
            let scheme = unsafe Self.part(CURLUPART_SCHEME, of: parser), let host = unsafe Self.part(CURLUPART_HOST, of: parser)
        else {
            throw RequestURL.refused(unsafe "the URL is not acceptable: \(String(cString: curl_url_strerror(status)))")
        }
        (self.url, self.scheme, self.host) = (url, scheme, host)
    }

    private static func part(_ part: CURLUPart, of parser: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard unsafe curl_url_get(parser, part, &text, 0) == CURLUE_OK, let text = unsafe text else { return nil }
        defer { unsafe curl_free(text) }
        return unsafe String(cString: text)
    }
}
