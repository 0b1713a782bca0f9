internal import CCurl

/// One request under way: the owner of one libcurl easy handle. Made, used and dropped on the transfer thread only.
///
/// libcurl keeps unretained pointers to this object in its callbacks. They stay valid because the loop holds the object for as long
/// as the handle is attached, and `deinit` frees the handle.
@safe
final class Transfer {
    private static let sentOnceAlready = "the connection was lost, and the request may not be sent again"

    private let handle: UnsafeMutableRawPointer
    private var headerLines: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>

    private let delivery: HTTPRequest.Delivery
    private let isConnectOnly: Bool
    private let addresses: AddressRules
    private var isAddressRefused = false
    private let bodyBytesMax: Int
    private let headerBytesMax: Int

    private var headers: [HTTPHeader] = []
    private var headerBytes = 0
    private var isHeadComplete = false
    private var body: [UInt8] = []
    private var isTooLarge = false
    private var sends = 0

    /// libcurl calls back before each time it begins to send, after name resolution, connecting and TLS.
    var mayHaveBeenSent: Bool { sends > 0 }

    init(
        _ request: borrowing HTTPRequest,
        url: RequestURL,
        timeout: Duration,
        configuration: borrowing HTTPClientConfiguration
    ) throws(HTTPClientError) {
        guard let handle = unsafe curl_easy_init() else {
            throw HTTPClientError(.internalFailure, mayHaveBeenSent: false, "out of memory")
        }
        unsafe self.handle = handle
        unsafe errorText = .allocate(capacity: ccurl_error_size)
        unsafe errorText.initialize(repeating: 0, count: ccurl_error_size)
        delivery = request.delivery
        isConnectOnly = request.method == .connectOnly
        addresses = configuration.addresses
        bodyBytesMax = request.responseBytesMax
        headerBytesMax = configuration.responseHeaderBytesMax

        try setSafetyOptions(configuration)
        try setLimits(timeout: timeout, configuration)
        try setMessage(request, url: url, userAgent: configuration.userAgent)
        try setCallbacks()
    }

    deinit {
        unsafe curl_easy_cleanup(handle)
        unsafe curl_slist_free_all(headerLines)
        unsafe errorText.deallocate()
    }

    /// Lends the handle to the multi handle that drives it.
    func withHandle<Result>(_ body: (UnsafeMutableRawPointer) -> Result) -> Result {
        unsafe body(handle)
    }

    /// What came of the exchange. The body is handed over, not copied.
    func finish(_ code: CURLcode) -> Result<HTTPResponse, HTTPClientError> {
        guard code == CURLE_OK else { return .failure(failure(code)) }
        if isConnectOnly { return .success(HTTPResponse(status: 0, headers: [], body: [], usedNewConnection: true, usedHTTP2: false)) }
        // libcurl takes a connection that is closed amid the headers for the end of a response.
        guard isHeadComplete else { return .failure(failure(.connectionLost, "the connection was closed amid the headers")) }
        return .success(
            HTTPResponse(
                status: number(CURLINFO_RESPONSE_CODE),
                headers: headers,
                body: body,
                usedNewConnection: number(CURLINFO_NUM_CONNECTS) > 0,
                usedHTTP2: number(CURLINFO_HTTP_VERSION) == Int(CURL_HTTP_VERSION_2_0)
            ))
    }
}

// MARK: - Options

extension Transfer {
    private func setSafetyOptions(_ configuration: borrowing HTTPClientConfiguration) throws(HTTPClientError) {
        let protocols = configuration.schemes == .httpsOnly ? "https" : "http,https"
        try set(CURLOPT_PROTOCOLS_STR, protocols)
        try set(CURLOPT_REDIR_PROTOCOLS_STR, "https")
        try set(CURLOPT_FOLLOWLOCATION, 0)
        try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        try set(CURLOPT_PROXY, "")  // not even one named by the environment
        try set(CURLOPT_SSLVERSION, ccurl_tls_1_2_or_later)
        try set(CURLOPT_HTTP_VERSION, ccurl_http_version_2_over_tls)
        if let file = configuration.certificateAuthorityFile { try set(CURLOPT_CAINFO, file) }
    }

    private func setLimits(timeout: Duration, _ configuration: borrowing HTTPClientConfiguration) throws(HTTPClientError) {
        try set(CURLOPT_NOSIGNAL, 1)
        // Without it, taking down a transfer that waits for a name server waits for that server, and every other transfer with it.
        try set(CURLOPT_QUICK_EXIT, 1)
        try set(CURLOPT_TIMEOUT_MS, timeout.positiveMilliseconds)
        try set(CURLOPT_CONNECTTIMEOUT_MS, configuration.connectTimeout.positiveMilliseconds)
        try set(CURLOPT_TCP_KEEPALIVE, 1)
        try set(CURLOPT_MAXLIFETIME_CONN, Int(configuration.connectionLifetime.components.seconds))
        if delivery == .onceOnFreshConnection || addresses != .any {
            // With rules, because a connection that is there already has not come by those of this transfer.
            try set(CURLOPT_FRESH_CONNECT, 1)
        } else {
            try set(CURLOPT_PIPEWAIT, 1)  // rather share a connection that is coming up than open one more
        }
    }

    private func setMessage(
        _ request: borrowing HTTPRequest, url: RequestURL, userAgent: String
    ) throws(HTTPClientError) {
        try set(CURLOPT_URL, url.text)
        try set(CURLOPT_USERAGENT, userAgent)
        for header in request.headers {
            guard header.isValid else {
                throw HTTPClientError(.invalidRequest, mayHaveBeenSent: false, "a header has a name or value that HTTP does not allow")
            }
            try append(header.line)
        }
        // libcurl would wait for "100 Continue" before it sends a large body.
        try append("Expect:")
        try check(unsafe ccurl_set_list(handle, CURLOPT_HTTPHEADER, headerLines))
        if request.method == .post { try setBody(request.body) }
        if request.method == .connectOnly { try set(CURLOPT_CONNECT_ONLY, 1) }
        // Another request to the same host would find the connection and not come by the rules.
        if addresses != .any || request.method == .connectOnly { try set(CURLOPT_FORBID_REUSE, 1) }
    }

    private func setBody(_ body: [UInt8]) throws(HTTPClientError) {
        try check(unsafe ccurl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
        // The size is set first, so this copies exactly that many bytes before it returns; of an empty body, none.
        let status = unsafe body.withUnsafeBytes { bytes in
            unsafe ccurl_copy_body(handle, bytes.baseAddress)
        }
        try check(status)
    }

    private func append(_ line: String) throws(HTTPClientError) {
        guard let list = unsafe curl_slist_append(headerLines, line) else { throw Self.optionRefused(CURLE_OUT_OF_MEMORY) }
        unsafe headerLines = list
    }

    private func set(_ option: CURLoption, _ value: String) throws(HTTPClientError) {
        try check(unsafe ccurl_set_string(handle, option, value))
    }

    private func set(_ option: CURLoption, _ value: Int) throws(HTTPClientError) {
        try check(unsafe ccurl_set_long(handle, option, value))
    }

    /// An option that is not taken is never passed over: some of them are what makes a transfer safe.
    private func check(_ code: CURLcode) throws(HTTPClientError) {
        guard code == CURLE_OK else { throw Self.optionRefused(code) }
    }

    private static func optionRefused(_ code: CURLcode) -> HTTPClientError {
        HTTPClientError(.internalFailure, mayHaveBeenSent: false, unsafe String(cString: curl_easy_strerror(code)))
    }

    private func number(_ info: CURLINFO) -> Int {
        var value = 0
        return unsafe ccurl_get_long(handle, info, &value) == CURLE_OK ? value : 0
    }
}

// MARK: - Callbacks

extension Transfer {
    private func setCallbacks() throws(HTTPClientError) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        for option in [CURLOPT_PRIVATE, CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_PREREQDATA, CURLOPT_OPENSOCKETDATA] {
            try check(unsafe ccurl_set_pointer(handle, option, context))
        }
        try check(unsafe ccurl_set_pointer(handle, CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(errorText)))
        try check(
            unsafe ccurl_set_write_function(handle) { bytes, size, count, context in
                unsafe Transfer.from(context).receiveBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
            })
        try check(
            unsafe ccurl_set_header_function(handle) { bytes, size, count, context in
                unsafe Transfer.from(context).receiveHeaderLine(UnsafeRawBufferPointer(start: bytes, count: size * count))
            })
        if addresses != .any {
            try check(
                unsafe ccurl_set_open_socket_function(handle) { context, _, address in
                    guard let address = unsafe address else { return CURL_SOCKET_BAD }
                    return unsafe Transfer.from(context).openSocket(UnsafePointer(address))
                })
        }
        try check(
            unsafe ccurl_set_prerequest_function(handle) { context, _, _, _, _ in
                unsafe Transfer.from(context).willSend() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
            })
    }

    /// Decided on the address itself, after names have been resolved and at each connection.
    private func openSocket(_ address: UnsafePointer<curl_sockaddr>) -> curl_socket_t {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = unsafe bytes.withUnsafeMutableBufferPointer { unsafe ccurl_address_bytes(address, $0.baseAddress) }
        guard addresses.allow(Array(bytes.prefix(count))) else {
            isAddressRefused = true
            return CURL_SOCKET_BAD
        }
        return unsafe ccurl_socket(address)
    }

    /// The transfer behind the pointer that `setCallbacks` gave to libcurl.
    static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
        guard let context = unsafe context else { preconditionFailure("libcurl lost the pointer that it was given") }
        return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    /// Whether libcurl may go on and send. It resends by itself when a reused connection dies before the first byte of a response,
    /// when HTTP/2 refuses a stream, and when a server wants HTTP/1.1 instead: each time it comes by here.
    private func willSend() -> Bool {
        if sends > 0, delivery != .repeatable { return false }
        sends += 1
        return true
    }

    /// The number of bytes taken. Fewer than given ends the transfer.
    private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard body.count + bytes.count <= bodyBytesMax else {
            isTooLarge = true
            return 0
        }
        unsafe body.append(contentsOf: bytes)
        return bytes.count
    }

    private func receiveHeaderLine(_ bytes: UnsafeRawBufferPointer) -> Int {
        headerBytes += bytes.count
        guard headerBytes <= headerBytesMax else {
            isTooLarge = true
            return 0
        }
        let line = unsafe String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            headers = []  // a response begins; what came before was informational
            isHeadComplete = false
        } else if line == "\r\n" || line == "\n" {
            isHeadComplete = true
        } else if let colon = line.firstIndex(of: ":") {
            headers.append(HTTPHeader(String(line[..<colon]), Self.trimmed(line[line.index(after: colon)...])))
        }
        return bytes.count
    }

    private static func trimmed(_ value: Substring) -> String {
        let isBlank: (Character) -> Bool = { $0.isWhitespace || $0.isNewline }
        guard let start = value.firstIndex(where: { !isBlank($0) }), let end = value.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(value[start...end])
    }
}

// MARK: - Errors

extension Transfer {
    func failure(_ code: HTTPClientError.Code, _ message: String) -> HTTPClientError {
        HTTPClientError(
            code, mayHaveBeenSent: mayHaveBeenSent, message, status: isHeadComplete ? number(CURLINFO_RESPONSE_CODE) : nil)
    }

    private func failure(_ code: CURLcode) -> HTTPClientError {
        let text = unsafe errorText[0] == 0 ? unsafe String(cString: curl_easy_strerror(code)) : unsafe String(cString: errorText)
        switch code {
        case _ where isAddressRefused && sends == 0:
            return failure(.addressRefused, "the host's address is private or reserved")
        case _ where isTooLarge: return failure(.responseTooLarge, "the response is larger than allowed")
        case CURLE_ABORTED_BY_CALLBACK: return failure(.connectionLost, Self.sentOnceAlready)
        default: return failure(Self.classify(code, mayHaveBeenSent: mayHaveBeenSent), text)
        }
    }

    /// Before anything was sent, a code that is no better known means that there was no connection; after that, that it was lost.
    private static func classify(_ code: CURLcode, mayHaveBeenSent: Bool) -> HTTPClientError.Code {
        switch code {
        case CURLE_OPERATION_TIMEDOUT: .timedOut
        case CURLE_URL_MALFORMAT: .invalidRequest
        // Of the answer, when it has no status line.
        case CURLE_UNSUPPORTED_PROTOCOL: mayHaveBeenSent ? .malformedResponse : .invalidRequest
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER: .tlsFailed
        case CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: .malformedResponse
        case CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT, CURLE_BAD_FUNCTION_ARGUMENT, CURLE_UNKNOWN_OPTION: .internalFailure
        default: mayHaveBeenSent ? .connectionLost : .couldNotConnect
        }
    }
}

extension Duration {
    /// Whole milliseconds, rounded up; at least 1, because 0 means no limit to libcurl, and at most its largest, 24 days.
    var positiveMilliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < Int64(Int32.max / 1000) else { return Int(Int32.max) }
        return max(1, Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
    }
}
