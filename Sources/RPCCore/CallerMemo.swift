internal import Synchronization

/// What an interceptor has found out about a connection's caller and keeps for the connection's next calls. It lives as long as the
/// connection does.
package final class CallerMemo: Sendable {
    private let kept = Mutex<(any AnyObject & Sendable)?>(nil)

    package init() {}

    package var value: (any AnyObject & Sendable)? {
        get { self.kept.withLock { $0 } }
        set { self.kept.withLock { $0 = newValue } }
    }
}
