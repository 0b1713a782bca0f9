package import Fleet

/// The store without a thread: every call runs to its end on the caller's, so that a seeded scheduler decides the order of all.
///
/// A simulated crash is: drain nothing more, `abandon`, open the same file again.
package struct InlineSQLiteStore: SQLiteStoreAdapter {
    package let core: SQLiteCore
    package var limits: SQLiteLimits { self.core.limits }

    package init(
        opening options: SQLiteOptions, now: Timestamp, using generator: inout some RandomNumberGenerator
    ) throws(SQLiteOpenError) {
        self.core = try SQLiteCore(opening: options, now: now, using: &generator)
    }

    package func perform<Value>(_ operation: StoreOperation<Value>) async throws(StoreError) -> Value {
        let value = try self.core.perform(operation)
        // The operation is applied, whatever becomes of this.
        if let due = self.core.dueCheckpoint { _ = try? self.core.checkpoint(due) }
        return value
    }

    package func close() {
        self.core.close()
    }

    /// Nothing is written down for the end, as when the process dies.
    package func abandon() {
        self.core.abandon()
    }
}
