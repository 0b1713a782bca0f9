import Fleet
import Foundation
import SQLiteStore
import StoreContract
import Synchronization

/// A database file in a directory of its own.
struct TemporaryDatabase: Sendable {
    let directory = NSTemporaryDirectory() + "/novitai-store-" + UUID().uuidString
    var path: String { self.directory + "/store/novitai.db" }

    func options(isDurable: Bool = false, limits: SQLiteLimits = SQLiteLimits()) -> SQLiteOptions {
        SQLiteOptions(path: self.path, isDurable: isDurable, limits: limits)
    }

    func openInline(limits: SQLiteLimits = SQLiteLimits()) throws -> InlineSQLiteStore {
        var generator = SystemRandomNumberGenerator()
        return try InlineSQLiteStore(opening: self.options(limits: limits), now: Sample.start, using: &generator)
    }

    func open(isDurable: Bool = false, limits: SQLiteLimits = SQLiteLimits()) throws -> SQLiteStore {
        var generator = SystemRandomNumberGenerator()
        return try SQLiteStore(opening: self.options(isDurable: isDurable, limits: limits), now: Sample.start, using: &generator)
    }

    func destroy() {
        try? FileManager.default.removeItem(atPath: self.directory)
    }
}

/// Runs a test with a file of its own.
func withFile(_ body: (TemporaryDatabase) async throws -> Void) async throws {
    let file = TemporaryDatabase()
    defer { file.destroy() }
    try await body(file)
}
