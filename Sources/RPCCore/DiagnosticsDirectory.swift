internal import Synchronization

/// Where the service that tells about them finds the process's server and channels: they are made after it, some of them of it.
package final class DiagnosticsDirectory: Sendable {
    private struct Entries {
        weak var server: (any ServerDiagnostics & AnyObject)?
        var channels: [any ChannelDiagnostics] = []
    }

    private let entries = Mutex(Entries())

    package init() {}

    /// Nil before it is there, and after it is gone.
    package var server: (any ServerDiagnostics)? { self.entries.withLock { $0.server } }
    /// In the order in which they were entered. What is entered stays: channels live as long as their process.
    package var channels: [any ChannelDiagnostics] { self.entries.withLock { $0.channels } }

    package func enter(_ server: any ServerDiagnostics & AnyObject) { self.entries.withLock { $0.server = server } }
    package func enter(_ channel: any ChannelDiagnostics) { self.entries.withLock { $0.channels.append(channel) } }
}
