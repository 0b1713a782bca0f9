internal import Synchronization

/// An HTTP client over libcurl's multi interface, which runs on a thread of its own.
///
/// Connections are kept and shared, over HTTP/2 where the server offers it. Redirects are not followed, proxies of the environment are
/// ignored, certificates are always verified, no cookies or other state pass from one request to the next.
package final class HTTPClient: Sendable {
    let loop: TransferLoop
    private let thread: TransferThread
    private let configuration: HTTPClientConfiguration
    private let nextID = Atomic<UInt64>(0)
    private let isShutDown = Atomic(false)

    package convenience init(_ configuration: HTTPClientConfiguration = HTTPClientConfiguration()) throws(HTTPClientError) {
        try self.init(configuration) { configuration throws(HTTPClientError) in try MultiHandle(configuration: configuration) }
    }

    /// - Parameter makeMulti: asked again whenever libcurl has broken off.
    init(_ configuration: HTTPClientConfiguration, makeMulti: @escaping TransferLoop.MakeMulti) throws(HTTPClientError) {
        let loop = try TransferLoop(configuration: configuration, makeMulti: makeMulti)
        self.loop = loop
        self.configuration = configuration
        thread = try TransferThread { loop.run() }
    }

    deinit {
        shutdown()
    }

    /// Sends the request and reads the response to its end. Ends when the request's timeout is over, or at once when the task is cancelled.
    ///
    /// - Returns: the response, whatever its status.
    /// - Throws: `HTTPClientError`, which says whether the request may have left.
    package func execute(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPResponse {
        guard !Task.isCancelled else { throw HTTPClientError(.cancelled, mayHaveBeenSent: false, "cancelled before it began") }
        let url = try RequestURL(request.url, schemes: configuration.schemes)
        let deadline = ContinuousClock.now + request.timeout
        let id = nextID.wrappingAdd(1, ordering: .relaxed).newValue
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { reply in
                loop.submit(Inbox.Submission(id: id, request: request, url: url, deadline: deadline, reply: reply))
                // The handler below may have run before the submission: then its word came too early to be heard.
                if Task.isCancelled { loop.cancel(id) }
            }
        } onCancel: {
            loop.cancel(id)
        }
        return try result.get()
    }

    /// Ends what is under way with `.closed` and joins the thread, which takes milliseconds. Idempotent. The thread holds no
    /// reference to the client, so this never runs on it.
    package func shutdown() {
        guard !isShutDown.exchange(true, ordering: .acquiringAndReleasing) else { return }
        loop.close()
        thread.join()
    }
}
