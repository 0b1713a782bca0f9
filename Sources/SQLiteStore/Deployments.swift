import Fleet
import GRDB

extension Transaction {
    func deployment() throws -> Deployment {
        guard let row = try self.row("SELECT id, history, created_at FROM deployment", []) else {
            throw StoreError.unavailable("the database has no deployment")
        }
        return Deployment(
            id: DeploymentID(rawValue: row[0]), history: HistoryID(rawValue: row[1]), createdAt: Timestamp(microseconds: row[2]))
    }

    /// A change that nobody sees.
    func writeFence() throws { try self.execute("UPDATE deployment SET fence = fence + 1", []) }

    func snapshot() throws -> Snapshot {
        Snapshot(
            deployment: try self.deployment(), revision: self.revision, instances: try self.livingInstances(),
            jobs: try self.unfinishedJobs(), control: try self.fleetControl())
    }
}

extension Deployment {
    /// At the first start: the ids that this database has for ever.
    ///
    /// - Returns: whether this is the first start.
    static func create(in database: Database, now: Timestamp, using generator: inout some RandomNumberGenerator) throws -> Bool {
        guard try Int.fetchOne(database, sql: "SELECT count(*) FROM deployment") == 0 else { return false }
        let id = DeploymentID.random(using: &generator)
        let history = HistoryID.random(using: &generator)
        try database.execute(
            sql: "INSERT INTO deployment (singleton, id, history, created_at, revision) VALUES (1, ?, ?, ?, 0)",
            arguments: [id.rawValue, history.rawValue, now.microseconds])
        return true
    }
}
