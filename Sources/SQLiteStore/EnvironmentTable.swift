import Fleet
import GRDB

/// The values are secrets: they are in this table and nowhere else, sealed.
extension Transaction {
    /// Empty when the instance was given none.
    func environment(of id: InstanceID) throws -> InstanceEnvironment {
        guard let row = try self.row("SELECT payload FROM environment WHERE instance_id = ?", [id.rawValue]) else {
            return InstanceEnvironment()
        }
        let payload = try Sealing.open(row[0], of: id, by: self.sealer)
        return try Payload.decode(InstanceEnvironment.self, from: payload, row: "environment of \(id)")
    }

    /// The one that waited under the job is the instance's own from now on.
    func takeEnvironment(of id: InstanceID, from job: JobID) throws {
        let environment = try self.environment(of: .waiting(for: job))
        try self.writeEnvironment(of: id, payload: try Payload.encode(environment))
        try self.dropEnvironment(waitingFor: job)
    }

    func dropEnvironment(waitingFor job: JobID) throws {
        try self.execute("DELETE FROM environment WHERE instance_id = ?", [InstanceID.waiting(for: job).rawValue])
    }

    func writeEnvironment(of id: InstanceID, payload: String) throws {
        let sealed = try Sealing.seal(payload, of: id, by: self.sealer)
        try self.execute("INSERT OR REPLACE INTO environment (instance_id, payload) VALUES (?, ?)", [id.rawValue, sealed])
    }
}
