internal import Synchronization
internal import SystemPackage

/// The one writer of log lines of this process: lines of different threads are never mixed.
package enum StandardError {
    private static let lock = Mutex(())

    package static func write(_ line: [UInt8]) {
        self.lock.withLock { _ in
            // A log that cannot be written has nowhere to complain; the program goes on.
            _ = try? FileDescriptor.standardError.writeAll(line)
        }
    }
}
