internal import CNghttp2

// The functions that nghttp2 calls. Each recovers the session's state, tells it what happened and translates the answer.
//
// The context pointer is unretained: the `HTTP2Session` owns both the nghttp2 session and the state, and frees the former first.
// A stream's user data is unretained too: the state keeps every stream until its close callback. None of them submits anything for a stream
// within that stream's close callback, and none returns an error from it: nghttp2 1.52 mistakes both.

/// The one table of callbacks, for all sessions and both roles.
@safe final class SessionCallbacks: Sendable {
    static let shared = SessionCallbacks()

    // Written once, before the instance is shared, and only read by nghttp2 afterwards.
    nonisolated(unsafe) let raw: OpaquePointer?

    private init() {
        var table: OpaquePointer?
        // Fails only without memory; `nghttp2_session_*_new` then fails on the nil table.
        unsafe nghttp2_session_callbacks_new(&table)
        unsafe self.raw = table
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(table, onBeginHeaders)
        unsafe nghttp2_session_callbacks_set_on_header_callback(table, onHeader)
        unsafe nghttp2_session_callbacks_set_on_invalid_header_callback(table, onInvalidHeader)
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, onDataChunk)
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(table, onFrameReceived)
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(table, onFrameSent)
        unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(table, onFrameNotSent)
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(table, onStreamClose)
        unsafe nghttp2_session_callbacks_set_send_data_callback(table, onSendData)
    }

    deinit { unsafe nghttp2_session_callbacks_del(self.raw) }
}

private let failTemporarily = NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue

/// Lends the session's state, which outlives every callback, without counting references: some callbacks run ten times for each call.
@inline(__always)
private func withState<R>(_ context: UnsafeMutableRawPointer?, _ body: (SessionState) -> R) -> R {
    // Never nil: it is given to `nghttp2_session_*_new`.
    unsafe Unmanaged<SessionState>.fromOpaque(context.unsafelyUnwrapped)._withUnsafeGuaranteedRef(body)
}

private func stream(_ session: OpaquePointer?, _ id: Int32) -> HTTP2Stream? {
    // Set for streams of ours alone, each of which its session's state keeps until nghttp2 has closed it.
    guard let pointer = unsafe nghttp2_session_get_stream_user_data(session, id) else { return nil }
    return unsafe Unmanaged<HTTP2Stream>.fromOpaque(pointer).takeUnretainedValue()
}

private let onBeginHeaders: nghttp2_on_begin_headers_callback = { session, frame, context in
    guard let frame = unsafe frame else { return 0 }
    return unsafe withState(context) { state in
        unsafe state.beginBlock(of: frame.pointee.hd.stream_id)
        if state.role == .server, unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
            let stream = unsafe HTTP2Stream(id: frame.pointee.hd.stream_id, at: state.now)
            state.insert(stream)
            state.guardian.streamOpened()
            unsafe nghttp2_session_set_stream_user_data(session, stream.id, Unmanaged.passUnretained(stream).toOpaque())
        }
        return 0
    }
}

private let onHeader: nghttp2_on_header_callback = { _, _, name, nameLength, value, valueLength, _, context in
    // Both have the bytes that their lengths say until the callback returns, and they are copied.
    guard let name = unsafe name, let value = unsafe value else { return 0 }
    return unsafe withState(context) { state in
        unsafe state.addField(name: name, nameLength, value: value, valueLength) ? 0 : failTemporarily
    }
}

/// A field that HTTP/2 forbids. One whose value merely has blanks around it is dropped, since the rest of the call is fine; others reset the stream.
private let onInvalidHeader: nghttp2_on_invalid_header_callback = { _, _, _, _, value, valueLength, _, _ in
    guard let value = unsafe value, valueLength > 0 else { return failTemporarily }
    // nghttp2 keeps the field's bytes until the callback returns.
    let bytes = unsafe UnsafeBufferPointer(start: value, count: valueLength)
    let isPadded = unsafe isBlank(bytes[0]) || isBlank(bytes[valueLength - 1])
    let isClean = unsafe bytes.allSatisfy { isBlank($0) || ($0 > 0x20 && $0 != 0x7F) }
    return isPadded && isClean ? 0 : failTemporarily
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

private let onDataChunk: nghttp2_on_data_chunk_recv_callback = { session, _, id, bytes, count, context in
    unsafe withState(context) { state in
        state.unconsumed += count
        guard let stream = unsafe stream(session, id) else { return 0 }
        // nghttp2 points into what it was fed: were that to change, no connection would get through the tests.
        guard let range = unsafe state.place(of: bytes, count) else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        state.events.append(.data(stream, range, endStream: false))
        return 0
    }
}

private let onFrameReceived: nghttp2_on_frame_recv_callback = { session, frame, context in
    guard let frame = unsafe frame else { return 0 }
    unsafe withState(context) { state in unsafe frameReceived(frame.pointee, session, state) }
    return 0
}

private func frameReceived(_ frame: nghttp2_frame, _ session: OpaquePointer?, _ state: SessionState) {
    let header = unsafe frame.hd
    let endsStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    let isAcknowledgement = header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0
    switch UInt32(header.type) {
    case NGHTTP2_DATA.rawValue:
        // Padding brings nothing either.
        unsafe state.guardian.dataReceived(isEmpty: header.length == frame.data.padlen && !endsStream)
        guard endsStream, let stream = unsafe stream(session, header.stream_id) else { return }
        stream.isRemoteEnded = true
        state.dataEnded(stream)
    case NGHTTP2_HEADERS.rawValue:
        guard let stream = unsafe stream(session, header.stream_id) else { return }
        stream.isRemoteEnded = endsStream
        state.events.append(.headers(stream, state.endBlock(), endStream: endsStream))
    case NGHTTP2_RST_STREAM.rawValue:
        unsafe stream(session, header.stream_id)?.isResetByPeer = true
    case NGHTTP2_SETTINGS.rawValue where !isAcknowledgement:
        state.guardian.settingsReceived(at: state.now)
        state.events.append(.settings)
    case NGHTTP2_PING.rawValue where isAcknowledgement:
        unsafe state.events.append(.pingAcknowledged(pingPayload(frame.ping)))
    case NGHTTP2_PING.rawValue:
        if state.role == .server { state.guardian.pingReceived(at: state.now) }
    case NGHTTP2_GOAWAY.rawValue:
        let goAway = unsafe frame.goaway
        let code = unsafe HTTP2ErrorCode(rawValue: goAway.error_code)
        unsafe state.events.append(.goAway(lastStream: goAway.last_stream_id, code, text: debugText(of: goAway)))
    default:
        break
    }
}

/// Bytes of a GOAWAY's debug data that are kept: a peer may send as many as fit a frame.
private let debugTextMax = 256

/// For people, who are to see nothing that a terminal would obey: what is not printable ASCII becomes a question mark.
private func debugText(of goAway: nghttp2_goaway) -> String {
    // nghttp2 keeps the bytes while it reports their frame; there may be none, and then no address.
    let bytes = unsafe UnsafeBufferPointer(start: goAway.opaque_data, count: goAway.opaque_data_len)
    return unsafe String(decoding: bytes.prefix(debugTextMax).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
}

private func pingPayload(_ ping: nghttp2_ping) -> UInt64 {
    // A PING has eight bytes (RFC 9113, 6.7), in C an array of as many.
    unsafe withUnsafeBytes(of: ping.opaque_data) { bytes in unsafe UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)) }
}

private let onFrameSent: nghttp2_on_frame_send_callback = { session, frame, context in
    guard let frame = unsafe frame else { return 0 }
    unsafe withState(context) { state in unsafe frameSent(frame, session, state) }
    return 0
}

private func frameSent(_ frame: UnsafePointer<nghttp2_frame>, _ session: OpaquePointer?, _ state: SessionState) {
    let header = unsafe frame.pointee.hd
    switch UInt32(header.type) {
    case NGHTTP2_DATA.rawValue:
        let rest = unsafe stream(session, header.stream_id)?.outbound.byteCount ?? 0
        state.guardian.dataSent(header.length, isCutShort: rest > 0)
    case NGHTTP2_HEADERS.rawValue:
        state.guardian.headersSent()
        guard state.role == .server, header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 else { return }
        // A response that is complete before its request asks for the rest to stop (RFC 9113, 8.1). Any earlier, the reset would overtake it.
        guard unsafe nghttp2_session_get_stream_remote_close(session, header.stream_id) == 0 else { return }
        unsafe nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), header.stream_id, HTTP2ErrorCode.noError.rawValue)
    case NGHTTP2_RST_STREAM.rawValue:
        let code = unsafe HTTP2ErrorCode(rawValue: frame.pointee.rst_stream.error_code)
        if code != .noError && code != .cancel { state.guardian.resetProvoked(at: state.now) }
    case NGHTTP2_GOAWAY.rawValue:
        let code = unsafe HTTP2ErrorCode(rawValue: frame.pointee.goaway.error_code)
        if code != .noError { state.goAwayCode = code }
        guard let payload = state.pingAfterGoAway else { return }
        state.pingAfterGoAway = nil
        // Fails only without memory; the driver's timer then does what the answer would.
        _ = unsafe nghttp2Ping(session, payload)
    default:
        break
    }
}

/// nghttp2's answer to a PING with `payload`, for `HTTP2Session.check`.
func nghttp2Ping(_ session: OpaquePointer?, _ payload: UInt64) -> Int32 {
    // nghttp2 copies the eight bytes that a PING has before it returns; a number has as many, and any bytes may be seen as UInt8.
    unsafe withUnsafeBytes(of: payload.bigEndian) { bytes in
        unsafe nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
}

/// A request that could not go out, because the server's GOAWAY came first. nghttp2 may or may not have a stream to close for it.
private let onFrameNotSent: nghttp2_on_frame_not_send_callback = { _, frame, _, context in
    guard let frame = unsafe frame else { return 0 }
    // Of whatever type the frame is, its head may be read.
    let header = unsafe frame.pointee.hd
    return unsafe withState(context) { state in
        guard state.role == .client, UInt32(header.type) == NGHTTP2_HEADERS.rawValue, let stream = state.stream(id: header.stream_id)
        else { return 0 }
        state.events.append(.closed(stream, .refusedStream))
        state.remove(stream)
        return 0
    }
}

private let onStreamClose: nghttp2_on_stream_close_callback = { session, id, code, context in
    guard let stream = unsafe stream(session, id), stream.isOpen else { return 0 }
    return unsafe withState(context) { state in
        state.events.append(.closed(stream, HTTP2ErrorCode(rawValue: code)))
        state.remove(stream)
        if state.role == .server { state.guardian.streamClosed(stream, at: state.now) }
        return 0
    }
}

/// Says how much of a stream's messages goes into the next DATA frame.
let provideData: nghttp2_data_source_read_callback = { session, id, _, length, flags, source, _ in
    guard let source = unsafe source, let flags = unsafe flags else { return 0 }
    // The source is the stream, which its session keeps for as long as nghttp2 may ask for its data.
    return unsafe Unmanaged<HTTP2Stream>.fromOpaque(source.pointee.ptr)._withUnsafeGuaranteedRef { stream in
        let count = min(length, stream.outbound.byteCount)
        if count == stream.outbound.byteCount, let end = stream.end {
            unsafe flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            if case .trailers(let trailers) = end {
                // nghttp2 copies the fields before it returns. It fails only without memory, or for a stream that is being closed.
                unsafe flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                unsafe trailers.withNameValues { unsafe _ = nghttp2_submit_trailer(session, id, $0.baseAddress, $0.count) }
            }
        } else if count == 0 {
            stream.isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        if count > 0 { unsafe flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue }
        return count
    }
}

/// Puts a DATA frame's head and its bytes into the output: the only time that a message is copied, if it is not lent.
/// nghttp2 may call it several times while it looks for other frames to return, so the room is checked here.
private let onSendData: nghttp2_send_data_callback = { _, _, head, length, source, context in
    guard let source = unsafe source else { return 0 }
    return unsafe withState(context) { state in
        guard state.outputRoom >= 9 + length else { return NGHTTP2_ERR_WOULDBLOCK.rawValue }
        return unsafe Unmanaged<HTTP2Stream>.fromOpaque(source.pointee.ptr)._withUnsafeGuaranteedRef { stream in
            // The frame's length was settled earlier: resets the stream should its bytes be gone.
            guard length <= stream.outbound.byteCount else { return failTemporarily }
            unsafe state.write(UnsafeRawBufferPointer(start: head, count: 9))
            state.write(length, from: stream)
            return 0
        }
    }
}
