internal import CNghttp2

// What is submitted is sent by `drain`. The functions are not to be called from within `receive` or `drain`.
extension HTTP2Session {
    // MARK: Streams

    /// Sends the headers of a response. Nothing follows when `endStream`, otherwise messages and an end do.
    package func submitResponse(_ stream: HTTP2Stream, headers: OutgoingHeaders, endStream: Bool) {
        guard stream.isOpen, !stream.isStarted else { return }
        stream.isStarted = true
        // nghttp2 copies the fields and the provider before it returns.
        let result = unsafe headers.withNameValues { fields in
            guard !endStream else { return unsafe nghttp2_submit_response(self.raw, stream.id, fields.baseAddress, fields.count, nil) }
            var provider = unsafe Self.provider(of: stream)
            return unsafe nghttp2_submit_response(self.raw, stream.id, fields.baseAddress, fields.count, &provider)
        }
        self.check(result)
    }

    /// Sends a whole response: headers, one message, trailers.
    package func respond(_ stream: HTTP2Stream, headers: OutgoingHeaders, message: [UInt8], trailers: OutgoingHeaders) {
        guard stream.isOpen, !stream.isStarted else { return }
        self.state.change(stream) { $0.append(message) }
        stream.end = .trailers(trailers)
        self.submitResponse(stream, headers: headers, endStream: false)
    }

    /// Opens a stream with the headers of a request, to be followed by messages and an end. nil when no stream can be opened any more.
    package func submitRequest(headers: OutgoingHeaders) -> HTTP2Stream? {
        guard unsafe nghttp2_session_check_request_allowed(self.raw) != 0 else { return nil }
        let stream = HTTP2Stream(id: 0, at: self.state.now)
        var provider = unsafe Self.provider(of: stream)
        // nghttp2 copies the fields and the provider; the stream is its user data until it is closed, and the state keeps it as long.
        let id = unsafe headers.withNameValues { fields in
            unsafe nghttp2_submit_request(
                self.raw, nil, fields.baseAddress, fields.count, &provider, Unmanaged.passUnretained(stream).toOpaque())
        }
        guard id > 0 else { return nil }
        stream.id = id
        stream.isStarted = true
        self.state.insert(stream)
        return stream
    }

    /// Queues a message behind the stream's headers. Kept as it is until it is sent.
    package func enqueue(_ message: [UInt8], on stream: HTTP2Stream) {
        guard stream.isOpen, stream.end == nil else { return }
        self.state.change(stream) { $0.append(message) }
        self.resume(stream)
    }

    /// As `enqueue`, of a message of `size` bytes that `write` writes.
    package func enqueue(_ size: Int, on stream: HTTP2Stream, _ write: (inout OutputSpan<UInt8>) -> Void) {
        guard stream.isOpen, stream.end == nil else { return }
        self.state.change(stream) { $0.append(size, write) }
        self.resume(stream)
    }

    /// Says that nothing follows what has been queued, but for `trailers`.
    package func finish(_ stream: HTTP2Stream, trailers: OutgoingHeaders? = nil) {
        guard stream.isOpen, stream.end == nil else { return }
        stream.end = trailers.map { .trailers($0) } ?? .endStream
        self.resume(stream)
    }

    /// Ends the stream in both directions. What was queued for it is dropped when the reset goes out, and not before:
    /// nghttp2 may hold a DATA frame whose length is settled, and which it sends first.
    package func reset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        guard stream.isOpen else { return }
        self.check(unsafe nghttp2_submit_rst_stream(self.raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, code.rawValue))
    }

    /// Gives the peer credit for `count` more bytes on the stream, because as many were taken from it.
    package func consume(_ count: Int, on stream: HTTP2Stream) {
        guard stream.isOpen, !stream.isRemoteEnded, count > 0 else { return }
        self.check(unsafe nghttp2_session_consume_stream(self.raw, stream.id, count))
    }

    private func resume(_ stream: HTTP2Stream) {
        guard stream.isDeferred else { return }
        stream.isDeferred = false
        // INVALID_ARGUMENT: the stream is being closed, and its data with it.
        _ = unsafe nghttp2_session_resume_data(self.raw, stream.id)
    }

    private static func provider(of stream: HTTP2Stream) -> nghttp2_data_provider {
        // Unretained: the session keeps the stream until it is closed, and nghttp2 asks for no data after that.
        unsafe nghttp2_data_provider(
            source: nghttp2_data_source(ptr: Unmanaged.passUnretained(stream).toOpaque()), read_callback: provideData)
    }

    // MARK: Connection

    func submitSettings(_ configuration: HTTP2SessionConfiguration) {
        var entries: [(nghttp2_settings_id, UInt32)] = [
            (NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, UInt32(configuration.streamWindow)),
            (NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, UInt32(configuration.headerListLimit)),
            (NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        switch self.role {
        case .server: entries.append((NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, configuration.maxConcurrentStreams))
        case .client: entries += [(NGHTTP2_SETTINGS_ENABLE_PUSH, 0), (NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0)]
        }
        let settings = entries.map { nghttp2_settings_entry(settings_id: Int32($0.0.rawValue), value: $0.1) }
        self.check(unsafe nghttp2_submit_settings(self.raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count))
        self.check(unsafe nghttp2_session_set_local_window_size(self.raw, 0, 0, configuration.connectionWindow))
    }

    /// Sends a PING with `payload`, which its acknowledgement brings back.
    package func submitPing(_ payload: UInt64) { self.check(unsafe nghttp2Ping(self.raw, payload)) }

    /// The first GOAWAY of a graceful shutdown: no stream should be opened any more, and none is refused yet (RFC 9113, 6.8).
    /// A PING with `payload` follows it, whose answer says that the peer has seen it.
    package func submitShutdownNotice(ping payload: UInt64) {
        guard self.role == .server else { return }
        self.state.pingAfterGoAway = payload
        self.check(unsafe nghttp2_submit_shutdown_notice(self.raw))
    }

    /// A GOAWAY that names the last stream taken. Streams up to that one go on, unless the driver closes the connection.
    package func submitGoAway(_ code: HTTP2ErrorCode, debugText: String = "") {
        let last = unsafe nghttp2_session_get_last_proc_stream_id(self.raw)
        // nghttp2 copies the text before it returns.
        let result = unsafe Array(debugText.utf8).withUnsafeBufferPointer { text in
            unsafe nghttp2_submit_goaway(
                self.raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, code.rawValue, text.baseAddress, text.count)
        }
        self.check(result)
    }

    /// What submitting functions return: 0, or an error that can only be want of memory or of stream identifiers, or a stream that is gone.
    private func check(_ result: Int32) {
        if result == NGHTTP2_ERR_NOMEM.rawValue { _ = self.fail(HTTP2SessionError(reason: "out_of_memory")) }
    }
}
