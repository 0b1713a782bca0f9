internal import CNghttp2

/// One HTTP/2 connection without its socket: bytes go in, events and bytes come out.
///
/// It owns an nghttp2 session, which does the framing, HPACK, the stream states, the windows and the checks of RFC 9113.
/// Its driver feeds what it read with `receive`, looks at `events` (never from within another call), submits, and sends what `drain` gives.
/// Not responsible for: sockets, timers, what the messages mean. Bound to one thread at a time, like the driver that owns it.
// Safe: the raw session is freed in `deinit` and never leaves this type; every call on it is made while this object lives.
@safe package final class HTTP2Session {
    package let role: HTTP2Role
    let raw: OpaquePointer
    let state: SessionState
    /// What was received or sent and did not fit the driver's buffer.
    private var leftover: [UInt8] = []
    /// Set by the first unrecoverable error.
    package private(set) var failure: HTTP2SessionError?

    /// - Throws: when nghttp2 has no memory.
    package init(role: HTTP2Role, configuration: HTTP2SessionConfiguration = HTTP2SessionConfiguration()) throws(HTTP2SessionError) {
        let state = SessionState(role: role, configuration: configuration)
        let options = try SessionOptions(configuration)
        guard let raw = unsafe options.makeSession(role: role, context: Unmanaged.passUnretained(state).toOpaque()) else {
            throw HTTP2SessionError(reason: "out_of_memory")
        }
        self.role = role
        self.state = state
        unsafe self.raw = raw
        self.submitSettings(configuration)
    }

    deinit { unsafe nghttp2_session_del(self.raw) }

    // MARK: In

    /// Feeds bytes from the peer. `now` is in nanoseconds from any fixed moment, the same for the session's whole life.
    ///
    /// - Throws: when the connection cannot go on. What `drain` still gives should be sent, then the connection closed.
    package func receive(_ bytes: Span<UInt8>, at now: UInt64) throws(HTTP2SessionError) {
        self.state.now = now
        let fit = self.role == .server ? self.state.guardian.inspect(bytes) : bytes.count
        // nghttp2 reads no more than `fit` bytes, which are of the span, and keeps none of them. The state forgets where they are as well.
        let result = unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe self.state.input = bytes
            defer { unsafe self.state.input = UnsafeBufferPointer(start: nil, count: 0) }
            return unsafe nghttp2_session_mem_recv(self.raw, bytes.baseAddress, fit)
        }
        if result < 0 { throw self.fail(received: HTTP2SessionError(nghttp2Code: result)) }
        if self.state.unconsumed > 0 {
            // Fails only without memory, which the next call reports.
            _ = unsafe nghttp2_session_consume_connection(self.raw, self.state.unconsumed)
            self.state.unconsumed = 0
        }
        self.state.guardian.fed(queuedFrames: unsafe nghttp2_session_get_outbound_queue_size(self.raw))
        if let error = self.judge() { throw error }
    }

    /// Moves what happened since the last time into `events`. To be called after each `receive` and after `drain`.
    /// Header blocks stay readable until `dropHeaders`.
    package func takeEvents(into events: inout [HTTP2Event]) {
        events.removeAll(keepingCapacity: true)
        swap(&events, &self.state.events)
    }

    /// Forgets the header blocks of all events taken so far. A block that has come in part stays.
    package func dropHeaders() { self.state.dropBlocks() }

    package func forEachField(of block: HeaderBlock, _ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Void) {
        self.state.arena.forEachField(in: block.fields, body)
    }

    /// Keeps a block for comparison with later ones: the requests of one client mostly have the same headers.
    package func save(_ block: HeaderBlock) -> SavedBlock { self.state.arena.copy(of: block.fields) }

    package func isEqual(_ block: HeaderBlock, to saved: SavedBlock) -> Bool {
        !block.isTruncated && self.state.arena.isEqual(block.fields, to: saved)
    }

    // MARK: Out

    /// Bytes that `drain` wants to be free in its buffer.
    package static let drainSizeMin = 2 * SessionState.frameSizeMax

    /// Writes what is ready to be sent, as much as fits. Nothing written means that there is nothing to send now.
    package func drain(into output: inout OutputRawSpan, at now: UInt64) { _ = self.drain(into: &output, isLending: false, at: now) }

    /// As `drain`, but that most of what belongs to large messages stays where it is.
    ///
    /// - Returns: its parts, which are to be sent between the bytes written. Nothing written means that there are none either.
    package func gather(into output: inout OutputRawSpan, at now: UInt64) -> [LentPart] {
        self.drain(into: &output, isLending: true, at: now)
    }

    private func drain(into output: inout OutputRawSpan, isLending: Bool, at now: UInt64) -> [LentPart] {
        self.state.now = now
        // The state writes behind the `count` bytes that are there, no more than the capacity that it is told, and says how many it wrote; it
        // forgets the address before the closure ends.
        return unsafe output.withUnsafeMutableBytes { buffer, count in
            guard let base = buffer.baseAddress else { return [] }
            unsafe self.state.beginOutput(base + count, isLending: isLending)
            self.drain(capacity: buffer.count - count)
            // Resets that the peer has provoked count when they go out, and nothing may ever come in after them.
            if self.judge() != nil { self.drain(capacity: buffer.count - count) }
            count += self.state.outputCount
            return self.state.endOutput()
        }
    }

    private func drain(capacity: Int) {
        self.state.outputCapacity = capacity
        if !self.leftover.isEmpty {
            guard self.leftover.count <= self.state.outputRoom else { return }
            unsafe self.leftover.withUnsafeBytes { unsafe self.state.write($0) }
            self.leftover = []
        }
        while self.state.outputRoom >= SessionState.frameSizeMax {
            var bytes: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(self.raw, &bytes)
            if count < 0 { self.failure = self.failure ?? HTTP2SessionError(nghttp2Code: count) }
            guard count > 0, let start = unsafe bytes else { return }
            // nghttp2's own bytes, which it keeps until it is called again: they are copied before that.
            let chunk = unsafe UnsafeRawBufferPointer(start: start, count: count)
            guard count <= self.state.outputRoom else { return unsafe self.leftover.append(contentsOf: chunk) }
            unsafe self.state.write(chunk)
        }
    }

    // MARK: State

    /// Whether there is something to send now: not so when all of it waits for the peer's windows.
    package var wantsWrite: Bool { unsafe nghttp2_session_want_write(self.raw) != 0 || !self.leftover.isEmpty }

    /// Whether the session is not over: after a GOAWAY and the last stream's end it is.
    package var isAlive: Bool { unsafe nghttp2_session_want_read(self.raw) != 0 || self.wantsWrite }

    /// Whether a broken rule ends the connection as soon as our GOAWAY is out: of a client that has had no GOAWAY of its server.
    package var isTerminating: Bool {
        // Nothing more can be asked, though there are numbers left for streams.
        unsafe self.role == .client && nghttp2_session_check_request_allowed(self.raw) == 0
            && nghttp2_session_get_next_stream_id(self.raw) <= UInt32(Int32.max)
    }

    /// Why our own GOAWAY has ended the connection; nil when none did, or in the regular way.
    package var goAwayError: HTTP2SessionError? { self.state.goAwayCode.map { HTTP2SessionError(reason: $0.reason) } }

    package var openStreamCount: Int { self.state.streamCount }
    package var openStreams: [HTTP2Stream] { self.state.openStreams }

    /// The number of the header block that has begun and not ended; nil when there is none.
    package var openHeaderBlock: Int? { self.state.openBlock }

    /// Bytes of messages that wait to be sent, over all streams.
    package var bufferedBytes: Int { self.state.bufferedBytes }

    /// Whether some of these messages are so large that it is better to send them from where they lie.
    package var hasLargeMessages: Bool { self.state.hasLarge }

    /// Frames that wait to be sent.
    package var queuedFrameCount: Int { unsafe nghttp2_session_get_outbound_queue_size(self.raw) }

    /// Bytes of DATA that the connection's window lets us send.
    package var sendWindow: Int { Int(unsafe nghttp2_session_get_remote_window_size(self.raw)) }

    /// Bytes of DATA that the connection's window lets the peer send.
    package var receiveWindow: Int { Int(unsafe nghttp2_session_get_local_window_size(self.raw)) }

    /// Streams that the peer lets us have open at once.
    package var remoteMaxConcurrentStreams: UInt32 {
        unsafe nghttp2_session_get_remote_settings(self.raw, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
    }

    /// Bytes of a header list that the peer takes; `UInt32.max` when it did not say.
    package var remoteHeaderListLimit: UInt32 {
        unsafe nghttp2_session_get_remote_settings(self.raw, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE)
    }

    /// Ends every stream here, for when the connection is lost. No events are made, and those that were not taken are forgotten.
    ///
    /// - Returns: the streams that no event taken has called closed.
    package func abandonStreams() -> [HTTP2Stream] { self.state.removeAllStreams() }

    func fail(_ error: HTTP2SessionError) -> HTTP2SessionError {
        self.failure = self.failure ?? error
        return error
    }

    /// nghttp2 gives up a peer that floods it without a word; we say why.
    private func fail(received error: HTTP2SessionError) -> HTTP2SessionError {
        if let judged = self.judge() { return judged }
        if error.isFlood { self.submitGoAway(.enhanceYourCalm, debugText: error.reason) }
        return self.fail(error)
    }

    /// Ends the connection of a peer that went too far.
    ///
    /// - Returns: why, when it has just been ended.
    private func judge() -> HTTP2SessionError? {
        guard let verdict = self.state.guardian.verdict, self.failure == nil else { return nil }
        self.submitGoAway(verdict.code, debugText: verdict.error.reason)
        return self.fail(verdict.error)
    }
}

extension HTTP2SessionError {
    fileprivate var isFlood: Bool { self.reason == "flooded" || self.reason == "too_many_continuations" }

    /// An error that nghttp2 reports for a whole session.
    init(nghttp2Code code: Int) {
        switch Int32(truncatingIfNeeded: code) {
        case NGHTTP2_ERR_NOMEM.rawValue: self.init(reason: "out_of_memory")
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue: self.init(reason: "bad_preface")
        case NGHTTP2_ERR_FLOODED.rawValue: self.init(reason: "flooded")
        case NGHTTP2_ERR_CALLBACK_FAILURE.rawValue: self.init(reason: "callback_failure")
        // The name has no macro in every version of the header; the code is the one of Debian's backport.
        case -905: self.init(reason: "too_many_continuations")
        default: self.init(reason: "nghttp2_error")
        }
    }
}
