import Fleet
import SQLiteStore
import StoreContract
import Synchronization

extension StoreKind {
    /// The stores that exist. The contract holds for each.
    static let all: [StoreKind] = [.inlineSQLite, .threadedSQLite]

    /// So small that a short test crosses them.
    private static var smallLimits: SQLiteLimits {
        var limits = SQLiteLimits()
        limits.groupOperationsMax = 16
        limits.trimBatch = 7
        limits.walBytesMax = 256 << 10
        return limits
    }

    /// As simulations use it.
    private static let inlineSQLite = StoreKind("SQLite, inline") {
        SQLiteDatabase { file in
            let store = try file.openInline(limits: StoreKind.smallLimits)
            return (store, { store.close() })
        }
    }

    /// As servers use it.
    private static let threadedSQLite = StoreKind("SQLite, with its thread") {
        SQLiteDatabase { file in
            let store = try file.open(isDurable: true, limits: StoreKind.smallLimits)
            return (store, { await store.close() })
        }
    }
}

private final class SQLiteDatabase: StoreDatabase {
    typealias Close = @Sendable () async -> Void

    private let file = TemporaryDatabase()
    private let openFile: @Sendable (TemporaryDatabase) throws -> (any Store, Close)
    private let closeOpen = Mutex<Close?>(nil)

    init(_ openFile: @escaping @Sendable (TemporaryDatabase) throws -> (any Store, Close)) {
        self.openFile = openFile
    }

    func open() async throws -> any Store {
        let (store, close) = try self.openFile(self.file)
        self.closeOpen.withLock { $0 = close }
        return store
    }

    func close() async {
        let close = self.closeOpen.withLock { open in
            defer { open = nil }
            return open
        }
        await close?()
    }

    func destroy() async {
        await self.close()
        self.file.destroy()
    }
}
