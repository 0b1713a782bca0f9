internal import CBlockPool
internal import CNghttp2

/// nghttp2's options for a session; needed only while the session is made.
@safe struct SessionOptions: ~Copyable {
    // Owned: made in `init`, freed in `deinit`.
    private let raw: OpaquePointer

    init(_ configuration: HTTP2SessionConfiguration) throws(HTTP2SessionError) {
        var made: OpaquePointer?
        guard unsafe nghttp2_option_new(&made) == 0, let raw = unsafe made else { throw HTTP2SessionError(reason: "out_of_memory") }
        unsafe self.raw = raw
        // Credit follows use, so that a slow handler slows its client.
        unsafe nghttp2_option_set_no_auto_window_update(raw, 1)
        // Closed streams are kept for the priority tree only, which RFC 9113 has given up.
        unsafe nghttp2_option_set_no_closed_streams(raw, 1)
        // Until the peer says otherwise, so that a client queues rather than being refused (RFC 9113 recommends no fewer than 100).
        unsafe nghttp2_option_set_peer_max_concurrent_streams(raw, 100)
        unsafe nghttp2_option_set_max_deflate_dynamic_table_size(raw, 4096)
        // These two came with Debian's security updates to nghttp2 1.52 (CVE-2023-44487, CVE-2024-28182).
        // With a library that lacks them this does not compile, which is the point: it would lack the defences.
        unsafe nghttp2_option_set_stream_reset_rate_limit(raw, configuration.resetBurst, configuration.resetRate)
        unsafe nghttp2_option_set_max_continuations(raw, configuration.continuationLimit)
    }

    deinit { unsafe nghttp2_option_del(self.raw) }

    /// `context` must outlive the session.
    borrowing func makeSession(role: HTTP2Role, context: UnsafeMutableRawPointer) -> OpaquePointer? {
        var session: OpaquePointer?
        let callbacks = unsafe SessionCallbacks.shared.raw
        // nghttp2 copies the table of functions.
        var memory = unsafe nghttp2_mem(
            mem_user_data: nil, malloc: novitai_pool_malloc, free: novitai_pool_free, calloc: novitai_pool_calloc,
            realloc: novitai_pool_realloc)
        let result =
            switch role {
            case .server: unsafe nghttp2_session_server_new3(&session, callbacks, context, self.raw, &memory)
            case .client: unsafe nghttp2_session_client_new3(&session, callbacks, context, self.raw, &memory)
            }
        return result == 0 ? unsafe session : nil
    }
}
