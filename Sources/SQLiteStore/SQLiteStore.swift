package import Fleet

/// The store of one server: a SQLite file that this process owns, and a thread that groups what is asked of it.
///
/// An operation that was handed over is carried out whatever becomes of the task that waits for it.
package final class SQLiteStore: SQLiteStoreAdapter {
    package let limits: SQLiteLimits
    let core: SQLiteCore
    let thread: StoreThread

    /// Opens the file, or makes it with a new deployment. Blocks while the file is read.
    package init(
        opening options: SQLiteOptions, now: Timestamp, using generator: inout some RandomNumberGenerator
    ) throws(SQLiteOpenError) {
        let core = try SQLiteCore(opening: options, now: now, using: &generator)
        self.core = core
        self.limits = options.limits
        self.thread = StoreThread(core)
        self.thread.start()
    }

    deinit {
        self.thread.requestClose()
    }

    package var statistics: SQLiteStatistics { self.thread.currentStatistics() }

    package func perform<Value>(_ operation: StoreOperation<Value>) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            self.thread.submit(BatchItem(operation) { continuation.resume(returning: $0) })
        }
        return try result.get()
    }

    /// Does what was asked before, writes the log back and closes the file. Later operations fail with `unavailable`.
    package func close() async {
        await self.thread.close()
    }
}
