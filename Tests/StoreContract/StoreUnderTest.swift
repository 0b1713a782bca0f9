package import Fleet

/// A kind of store that the contract is checked against.
package struct StoreKind: Sendable, CustomStringConvertible {
    package let description: String
    private let makeDatabase: @Sendable () async throws -> any StoreDatabase

    package init(_ description: String, makeDatabase: @escaping @Sendable () async throws -> any StoreDatabase) {
        self.description = description
        self.makeDatabase = makeDatabase
    }

    /// Runs a test on a database that nobody has used.
    package func withDatabase(_ body: (any StoreDatabase) async throws -> Void) async throws {
        let database = try await self.makeDatabase()
        do {
            try await body(database)
        } catch {
            await database.destroy()
            throw error
        }
        await database.destroy()
    }

    package func withStore(_ body: (any Store) async throws -> Void) async throws {
        try await self.withDatabase { try await body(try await $0.open()) }
    }
}

/// One database, which outlives the stores that open it.
package protocol StoreDatabase: Sendable {
    /// At most one store is open at a time.
    func open() async throws -> any Store
    /// Closes the open store.
    func close() async
    /// Closes the open store, if any, and ends the database.
    func destroy() async
}

extension StoreDatabase {
    package func reopen() async throws -> any Store {
        await self.close()
        return try await self.open()
    }
}
