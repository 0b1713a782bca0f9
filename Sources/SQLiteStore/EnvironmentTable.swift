import Fleet
import GRDB

/// The values are secrets: they are in this table and nowhere else.
extension Transaction {
    /// Empty when the instance was given none.
    func environment(of id: InstanceID) throws -> InstanceEnvironment {
        guard let row = try self.row("SELECT payload FROM environment WHERE instance_id = ?", [id.rawValue]) else {
            return InstanceEnvironment()
        }
        return try Payload.decode(InstanceEnvironment.self, from: row[0], row: "environment of \(id)")
    }

    func writeEnvironment(of id: InstanceID, payload: String) throws {
        try self.execute("INSERT OR REPLACE INTO environment (instance_id, payload) VALUES (?, ?)", [id.rawValue, payload])
    }
}
