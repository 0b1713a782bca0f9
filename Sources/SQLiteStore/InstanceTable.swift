import Fleet
import GRDB

extension Transaction {
    private static let columns = "id, revision, payload"
    private static let instanceByID = "SELECT \(columns) FROM instance WHERE id = ?"

    func instance(_ id: InstanceID) throws -> Instance? {
        try self.row(Self.instanceByID, [id.rawValue]).map(Self.instance)
    }

    func instanceRevision(_ id: InstanceID) throws -> Revision? {
        try self.row("SELECT revision FROM instance WHERE id = ?", [id.rawValue]).map { Revision($0[0]) }
    }

    func livingInstances() throws -> [Instance] {
        try self.rows("SELECT \(Self.columns) FROM instance WHERE is_living = 1 ORDER BY created_at, id", [], Self.instance)
    }

    func instances(_ query: HistoryQuery) throws -> [Instance] {
        let page = HistoryPage(query)
        return try self.rows("SELECT \(Self.columns) FROM instance \(page.clauses)", page.arguments, Self.instance)
    }

    /// Who of the tenant's instances has the name. One that has ended gives it away, also while debts keep it living.
    func holder(ofName name: String, tenant: TenantID) throws -> InstanceID? {
        try self.row("SELECT id FROM instance WHERE tenant = ? AND name = ? AND has_ended = 0", [tenant.rawValue, name])
            .map { InstanceID(rawValue: $0[0]) }
    }

    func sumOfLiabilities() throws -> Liability {
        let sql = """
            SELECT coalesce(sum(liable_machines), 0), coalesce(sum(liable_hourly_spend), 0) FROM instance WHERE liable_machines > 0
            """
        return try self.row(sql, []).map(Self.liability) ?? .zero
    }

    func liability(ofPrincipal principal: PrincipalID) throws -> Liability {
        let sql = """
            SELECT coalesce(sum(liable_machines), 0), coalesce(sum(liable_hourly_spend), 0) FROM instance
            WHERE principal = ? AND liable_machines > 0
            """
        return try self.row(sql, [principal.rawValue]).map(Self.liability) ?? .zero
    }

    func liability(of id: InstanceID) throws -> Liability {
        try self.row("SELECT liable_machines, liable_hourly_spend FROM instance WHERE id = ?", [id.rawValue]).map(Self.liability) ?? .zero
    }

    /// Creates that keep a place under the ceilings and have asked for no machine.
    func createsInLine() throws -> Int {
        let sql = "SELECT count(*) FROM instance WHERE in_line_revision IS NOT NULL AND in_line_revision = revision"
        return try self.row(sql, []).map { $0[0] } ?? 0
    }

    func write(_ instance: Instance, payload: String) throws {
        let sql = """
            INSERT INTO instance
                (id, tenant, principal, name, is_living, has_ended, liable_machines, liable_hourly_spend, created_at, in_line_revision,
                revision, payload)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, is_living = excluded.is_living, has_ended = excluded.has_ended,
                liable_machines = excluded.liable_machines, liable_hourly_spend = excluded.liable_hourly_spend,
                in_line_revision = excluded.in_line_revision, revision = excluded.revision, payload = excluded.payload
            """
        do {
            try self.execute(
                sql,
                [
                    instance.id.rawValue, instance.tenant.rawValue, instance.owner?.principal.rawValue, instance.name, instance.isLiving,
                    instance.state.isFinal,
                    instance.liableMachines, instance.liableHourlySpend.micros, instance.createdAt.microseconds,
                    instance.waitsForCapacity ? instance.revision.number : nil, instance.revision.number, payload,
                ])
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
            guard let holder = try self.holder(ofName: instance.name, tenant: instance.tenant) else { throw error }
            throw StoreError.nameTaken(holder)
        }
    }

    private static func instance(_ row: Row) throws -> Instance {
        let id: String = row[0]
        return try Instance.read(row[2], revision: row[1], row: "instance \(id)")
    }

    private static func liability(_ row: Row) -> Liability {
        Liability(machines: row[0], hourlySpend: row[1])
    }
}
