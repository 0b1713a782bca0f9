internal import Glibc
internal import Synchronization

/// A thread of its own for libcurl, which blocks in `poll`.
@safe
struct TransferThread: Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// A handle by value (an integer on Linux), read only.
    private let thread: pthread_t

    /// Starts `run` on a new thread.
    init(_ run: @escaping @Sendable () -> Void) throws(HTTPClientError) {
        // Retained here, released by the thread when it has taken it over, or below when there is no thread.
        let body = unsafe Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let status = unsafe pthread_create(&thread, nil, transferThreadMain, body.toOpaque())
        guard status == 0 else {
            unsafe body.release()
            throw HTTPClientError(.internalFailure, mayHaveBeenSent: false, "no thread could be started")
        }
        self.thread = thread
    }

    /// Waits for the thread's end. To be called once, and not by the thread itself.
    func join() {
        _ = pthread_join(thread, nil)
    }

    /// Keeps the thread that calls from going on for so long.
    static func pause(_ duration: Duration) {
        usleep(UInt32(clamping: duration.positiveMilliseconds * 1000))
    }

    fileprivate static func enter(_ context: UnsafeMutableRawPointer?) {
        guard let context = unsafe context else { return }
        blockSignals()
        unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
    }

    /// A write to a closed TLS connection raises SIGPIPE in the writing thread; libcurl, told not to touch the process's signal
    /// handlers, does not suppress it. And the process's handlers for other signals should not run here.
    private static func blockSignals() {
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, nil)
    }
}

private func transferThreadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    unsafe TransferThread.enter(context)
    return nil
}
