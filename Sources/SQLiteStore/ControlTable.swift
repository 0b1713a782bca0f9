import Fleet
import GRDB

/// What people have said about the fleet as a whole: one row, none while nothing was said.
extension Transaction {
    func fleetControl() throws -> FleetControl {
        guard let row = try self.row("SELECT payload FROM control", []) else { return FleetControl() }
        return try Payload.decode(FleetControl.self, from: row[0], row: "control")
    }

    func writeControl(_ control: FleetControl) throws {
        try self.execute(
            "INSERT OR REPLACE INTO control (singleton, payload) VALUES (1, ?)", [try Payload.encode(control)])
        self.controlChange = control
    }
}
