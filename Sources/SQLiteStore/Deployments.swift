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
            jobs: try self.unfinishedJobs(), control: try self.fleetControl(), service: try self.service())
    }

    func service() throws -> ServiceRecord {
        let absences = try self.rows("SELECT began_at, ended_at FROM absence ORDER BY began_at", []) { row in
            ServiceRecord.Absence(began: Timestamp(microseconds: row[0]), ended: Timestamp(microseconds: row[1]))
        }
        let row = try self.row("SELECT served_until FROM deployment WHERE served_until IS NOT NULL", [])
        return ServiceRecord(servedUntil: row.map { Timestamp(microseconds: $0[0]) }, absences: absences)
    }

    /// Absences are written only when they have changed: most of the time it is one column that says that the server is still there.
    func keep(_ service: ServiceRecord) throws {
        if try self.service().absences != service.absences {
            try self.execute("DELETE FROM absence", [])
            for absence in service.absences {
                try self.execute(
                    "INSERT INTO absence (began_at, ended_at) VALUES (?, ?)", [absence.began.microseconds, absence.ended.microseconds])
            }
        }
        try self.execute("UPDATE deployment SET served_until = ?", [service.servedUntil?.microseconds])
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
