import Fleet
import GRDB
import SQLiteStore
import StoreContract
import Testing

@Suite("Secrets in the database")
struct SecretTests {
    @Test("The values of an environment are in their own table and in no other")
    func ownTable() async throws {
        try await withFile { file in
            let store = try file.openInline()
            _ = try await store.commit(Sample.creation(1))
            _ = try await store.lease(LeaseRequest("a", at: 100))
            store.close()
            let queue = try DatabaseQueue(path: file.path)
            let tables = try await queue.read { database in
                let names = try String.fetchAll(database, sql: "SELECT name FROM sqlite_schema WHERE type = 'table'")
                return try names.filter { name in
                    try Row.fetchAll(database, sql: "SELECT * FROM \(name)").contains { $0.description.contains("secret-1") }
                }
            }
            try queue.close()
            #expect(tables == ["environment"])
        }
    }

    @Test("An environment that cannot be read is an error that does not show it")
    func unreadable() async throws {
        try await withFile { file in
            let store = try file.openInline()
            _ = try await store.commit(Sample.creation(1))
            store.close()
            let queue = try DatabaseQueue(path: file.path)
            try await queue.write { try $0.execute(sql: "UPDATE environment SET payload = '{\"values\":{\"A\":\"hunter2\"'") }
            try queue.close()
            let again = try file.openInline()
            await #expect(throws: StoreError.unavailable("the payload of environment of i-1 cannot be read")) {
                try await again.environment(of: InstanceID(rawValue: "i-1"))
            }
            again.close()
        }
    }
}
