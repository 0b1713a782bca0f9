internal import CCurl
internal import Synchronization

/// The owner of one libcurl multi handle.
///
/// Unchecked: every member is used on the transfer thread only, except `wakeUp`, which libcurl documents as callable from any
/// thread while the handle lives, and `deinit`, which runs when no other reference is left.
/// Not final: tests make one that breaks off.
@safe
class MultiHandle: @unchecked Sendable {
    /// libcurl broke off and cannot go on with any transfer.
    struct Failure: Error {
        let message: String
    }

    private let handle: UnsafeMutableRawPointer

    /// libcurl wants its global state made once, before anything else. In 7.84 and later this is safe beside other threads.
    private static let isLibraryReady = ccurl_global_init() == CURLE_OK

    init(configuration: HTTPClientConfiguration) throws(HTTPClientError) {
        guard Self.isLibraryReady, let handle = unsafe curl_multi_init() else {
            throw HTTPClientError(.internalFailure, mayHaveBeenSent: false, "libcurl does not start")
        }
        unsafe self.handle = handle
        let status = unsafe ccurl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, configuration.activeRequestsMax)
        guard status == CURLM_OK else {
            throw HTTPClientError(.internalFailure, mayHaveBeenSent: false, Failure(status).message)
        }
    }

    deinit {
        unsafe curl_multi_cleanup(handle)
    }

    func add(_ transfer: Transfer) throws(Failure) {
        let status = unsafe transfer.withHandle { unsafe curl_multi_add_handle(handle, $0) }
        try Self.check(status)
    }

    /// The request goes no further; its HTTP/1 connection is closed, its HTTP/2 stream reset.
    func remove(_ transfer: Transfer) {
        // Can only fail for a handle that is not attached, or from within a callback.
        _ = unsafe transfer.withHandle { unsafe curl_multi_remove_handle(handle, $0) }
    }

    /// Does what can be done without waiting.
    func perform() throws(Failure) {
        var running: Int32 = 0
        try Self.check(unsafe curl_multi_perform(handle, &running))
    }

    /// The next transfer that has ended, and how; nil when there is none. The transfer stays attached.
    func nextCompletion() -> (transfer: Transfer, code: CURLcode)? {
        var remaining: Int32 = 0
        while let message = unsafe curl_multi_info_read(handle, &remaining) {
            guard unsafe message.pointee.msg == CURLMSG_DONE else { continue }
            var context: UnsafeMutableRawPointer?
            _ = unsafe ccurl_get_pointer(message.pointee.easy_handle, CURLINFO_PRIVATE, &context)
            return unsafe (Transfer.from(context), message.pointee.data.result)
        }
        return nil
    }

    /// Waits until a socket is ready, a timer of libcurl is due, `wakeUp` was called, or `timeout` has passed.
    func poll(timeout: Duration) throws(Failure) {
        try Self.check(unsafe curl_multi_poll(handle, nil, 0, Int32(clamping: timeout.positiveMilliseconds), nil))
    }

    /// Ends a `poll` that waits, or the next one at once.
    func wakeUp() {
        // Can only fail when the wake-up pipe is full, and then the poll ends anyhow.
        _ = unsafe curl_multi_wakeup(handle)
    }

    private static func check(_ status: CURLMcode) throws(Failure) {
        guard status == CURLM_OK else { throw Failure(status) }
    }
}

extension MultiHandle.Failure {
    fileprivate init(_ status: CURLMcode) {
        message = unsafe String(cString: curl_multi_strerror(status))
    }
}
