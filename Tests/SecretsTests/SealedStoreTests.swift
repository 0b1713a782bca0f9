import Fleet
import Foundation
import GRDB
import SQLiteStore
import Secrets
import StoreContract
import Testing

@Suite("Secrets in the database, sealed")
struct SealedStoreTests {
    private let folder = NSTemporaryDirectory() + "/novitai-sealed-" + UUID().uuidString
    private var path: String { self.folder + "/novitai.db" }
    private let instance = InstanceID(rawValue: "i-1")
    private let environment = InstanceEnvironment(["TOKEN": "secret-1"])

    private func open(_ sealer: (any Sealer)?, keepKeys: @escaping @Sendable () throws -> Void = {}) throws -> InlineSQLiteStore {
        var generator = SystemRandomNumberGenerator()
        return try InlineSQLiteStore(
            opening: SQLiteOptions(path: self.path, isDurable: false, sealer: sealer, keepKeys: keepKeys), now: Sample.start,
            using: &generator)
    }

    /// Everything in the database's files.
    private func bytes() throws -> Data {
        try FileManager.default.contentsOfDirectory(atPath: self.folder).sorted()
            .reduce(into: Data()) { $0 += try Data(contentsOf: URL(filePath: self.folder + "/" + $1)) }
    }

    private func contains(_ text: String) throws -> Bool { try self.bytes().range(of: Data(text.utf8)) != nil }

    @Test("are in no byte of its files, and come back as they were")
    func sealed() async throws {
        let keyring = Keyring(current: .random())
        let store = try self.open(keyring)
        _ = try await store.commit(Sample.creation(1))
        #expect(try !self.contains("secret-1"))
        #expect(try await store.environment(of: self.instance) == self.environment)
        store.close()
        #expect(try !self.contains("secret-1"))
        let again = try self.open(keyring)
        #expect(try await again.environment(of: self.instance) == self.environment)
        again.close()
        try FileManager.default.removeItem(atPath: self.folder)
    }

    @Test("that an earlier version wrote in the clear are read, and sealed when the file is opened")
    func upgraded() async throws {
        let plain = try self.open(nil)
        _ = try await plain.commit(Sample.creation(1))
        plain.close()
        #expect(try self.contains("secret-1"))
        let store = try self.open(Keyring(current: .random()))
        #expect(try await store.environment(of: self.instance) == self.environment)
        store.close()
        #expect(try !self.contains("secret-1"))
        try FileManager.default.removeItem(atPath: self.folder)
    }

    @Test("are not sealed with a key that could not be written down")
    func keyNotKept() async throws {
        let plain = try self.open(nil)
        _ = try await plain.commit(Sample.creation(1))
        plain.close()
        #expect(throws: SQLiteOpenError.self) {
            _ = try self.open(Keyring(current: .random())) { throw SQLiteOpenError.failed(path: "", reason: "no room") }
        }
        let again = try self.open(Keyring(current: .random()))
        #expect(try await again.environment(of: self.instance) == self.environment)
        again.close()
        try FileManager.default.removeItem(atPath: self.folder)
    }

    @Test("are sealed again under a newer key when the file is opened, and the older one can be put away")
    func rotated() async throws {
        let (older, newer) = (SecretsKey.random(), SecretsKey.random())
        for keyring in [Keyring(current: older), Keyring(current: newer, others: [older]), Keyring(current: newer)] {
            let store = try self.open(keyring)
            if try await store.instance(self.instance) == nil { _ = try await store.commit(Sample.creation(1)) }
            #expect(try await store.environment(of: self.instance) == self.environment)
            store.close()
        }
        try FileManager.default.removeItem(atPath: self.folder)
    }

    @Test("without their key are an error that names it, and nothing is changed")
    func keyMissing() async throws {
        let key = SecretsKey.random()
        let store = try self.open(Keyring(current: key))
        _ = try await store.commit(Sample.creation(1))
        store.close()
        let error = #expect(throws: SQLiteOpenError.self) { _ = try self.open(Keyring(current: .random())) }
        guard case .keyMissing(_, key.id) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        let again = try self.open(Keyring(current: key))
        #expect(try await again.environment(of: self.instance) == self.environment)
        again.close()
        try FileManager.default.removeItem(atPath: self.folder)
    }

    @Test("are in a backup as they are sealed: it names the key, and is restored only where that is at hand")
    func backedUp() async throws {
        let (older, newer) = (SecretsKey.random(), SecretsKey.random())
        let store = try self.open(Keyring(current: older))
        #expect(try await Self.read(try await store.makeBackup(), to: self.folder + "/empty") == [])
        _ = try await store.commit(Sample.creation(1))
        let backup = self.folder + "/backup"
        #expect(try await Self.read(try await store.makeBackup(), to: backup) == [older.id])
        store.close()
        func restore(to path: String, _ keyring: Keyring) throws(Restoring.Failure) {
            var generator = SystemRandomNumberGenerator()
            _ = try Restoring.restore(
                from: backup, to: SQLiteOptions(path: path, isDurable: false, sealer: keyring), now: Sample.start, using: &generator)
        }
        let target = self.folder + "/restored/novitai.db"
        #expect(throws: Restoring.Failure.keyMissing(path: backup, keyID: older.id)) { try restore(to: target, Keyring(current: newer)) }
        #expect(!FileManager.default.fileExists(atPath: target))
        try restore(to: target, Keyring(current: newer, others: [older]))
        #expect(FileManager.default.fileExists(atPath: target))
        try FileManager.default.removeItem(atPath: self.folder)
    }

    /// - Returns: the keys that it needs.
    private static func read(_ backup: any BackupCopy, to path: String) async throws -> [String] {
        defer { backup.release() }
        try Data(backup.read(upTo: backup.byteCount)).write(to: URL(filePath: path))
        return backup.keyIDs
    }

    @Test("that somebody moved to another instance are not taken for its own")
    func moved() async throws {
        let keyring = Keyring(current: .random())
        let store = try self.open(keyring)
        for number in 1...2 { _ = try await store.commit(Sample.creation(number)) }
        store.close()
        let queue = try DatabaseQueue(path: self.path)
        try await queue.write {
            try $0.execute(
                sql:
                    "UPDATE environment SET payload = (SELECT payload FROM environment WHERE instance_id = 'i-2') WHERE instance_id = 'i-1'"
            )
        }
        try queue.close()
        let again = try self.open(keyring)
        await #expect(throws: StoreError.unavailable("the environment of i-1 was changed outside this program")) {
            try await again.environment(of: self.instance)
        }
        #expect(try await again.environment(of: InstanceID(rawValue: "i-2")) == InstanceEnvironment(["TOKEN": "secret-2"]))
        again.close()
        try FileManager.default.removeItem(atPath: self.folder)
    }
}
