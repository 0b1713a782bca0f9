import Fleet
import GRDB

/// Secrets on their way to the file and back.
enum Sealing {
    /// What a sealed environment belongs to.
    static func context(_ id: String) -> String { "environment \(id)" }

    /// In the clear only where there is no sealer.
    static func seal(_ payload: String, of id: InstanceID, by sealer: (any Sealer)?) throws(StoreError) -> String {
        guard let sealer else { return payload }
        do throws(SealError) {
            return try sealer.seal(Array(payload.utf8), for: self.context(id.rawValue))
        } catch {
            throw .unavailable("the environment of \(id) cannot be sealed")
        }
    }

    /// Rows of versions that did not seal are read as they are.
    static func open(_ payload: String, of id: InstanceID, by sealer: (any Sealer)?) throws(StoreError) -> String {
        guard let sealer else { return payload }
        do throws(SealError) {
            return String(decoding: try sealer.open(payload, for: self.context(id.rawValue)), as: UTF8.self)
        } catch {
            switch error {
            case .notSealed: return payload
            case .unknownKey(let key): throw .unavailable("the environment of \(id) is sealed with the key \(key), which is not at hand")
            case .damaged: throw .unavailable("the environment of \(id) was changed outside this program")
            }
        }
    }

    /// The keys that are needed to open what is in the database, in order.
    static func keyIDs(in database: Database, by sealer: (any Sealer)?) throws -> [String] {
        guard let sealer else { return [] }
        var ids: Set<String> = []
        let payloads = try String.fetchCursor(database, sql: "SELECT payload FROM environment")
        while let payload = try payloads.next() {
            if let id = sealer.keyID(of: payload) { ids.insert(id) }
        }
        return ids.sorted()
    }

    /// Refuses a database with a secret whose key is not at hand, and changes nothing.
    static func requireKeys(in database: Database, of sealer: (any Sealer)?, path: String) throws {
        guard let sealer else { return }
        let rows = try Row.fetchCursor(database, sql: "SELECT instance_id, payload FROM environment")
        while let row = try rows.next() {
            do throws(SealError) {
                _ = try sealer.open(row[1], for: self.context(row[0]))
            } catch {
                if case .unknownKey(let key) = error { throw SQLiteOpenError.keyMissing(path: path, keyID: key) }
            }
        }
    }

    /// Seals what is not, and what is sealed under an older key, so that the older key can be put away afterwards.
    ///
    /// - Returns: whether there was anything to do.
    /// - Throws: `keyMissing` before anything is written when one of the keys is not at hand.
    static func renew(in database: Database, by sealer: (any Sealer)?, path: String) throws -> Bool {
        guard let sealer else { return false }
        var renewed: [(String, String)] = []
        let rows = try Row.fetchCursor(database, sql: "SELECT instance_id, payload FROM environment")
        while let row = try rows.next() {
            let (id, payload): (String, String) = (row[0], row[1])
            guard !sealer.isCurrent(payload) else { continue }
            let secret: [UInt8]
            do throws(SealError) {
                secret = try sealer.open(payload, for: self.context(id))
            } catch {
                switch error {
                case .notSealed: secret = Array(payload.utf8)
                case .unknownKey(let key): throw SQLiteOpenError.keyMissing(path: path, keyID: key)
                // It is reported to whoever needs it; the others are none the worse.
                case .damaged: continue
                }
            }
            renewed.append((id, try sealer.seal(secret, for: self.context(id))))
        }
        for (id, payload) in renewed {
            try database.execute(sql: "UPDATE environment SET payload = ? WHERE instance_id = ?", arguments: [payload, id])
        }
        return !renewed.isEmpty
    }
}
