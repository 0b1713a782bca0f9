import GRDB

/// The tables, and how they came to be.
///
/// A release only adds: the one before it must run on what this one wrote, so unknown tables and columns are left alone.
/// Removing something is a new generation, which older releases refuse to open.
enum Schema {
    /// What this release reads and writes; stands in the file's `user_version`.
    static let generation = 1
    /// Marks the file as ours ("NOVI").
    static let applicationID: Int32 = 0x4E4F_5649

    /// Refuses files that are not ours to change, then brings the schema up to date.
    static func prepare(_ queue: DatabaseQueue, path: String) throws {
        try queue.inDatabase { try self.check($0, path: path) }
        try self.migrator.migrate(queue)
    }

    private static func check(_ database: Database, path: String) throws {
        let isEmpty = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") == 0
        guard !isEmpty else { return }
        let applicationID = try Int32.fetchOne(database, sql: "PRAGMA application_id")
        guard applicationID == self.applicationID else { throw SQLiteOpenError.notOurs(path: path) }
        let generation = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard generation <= self.generation else {
            throw SQLiteOpenError.schemaTooNew(path: path, generation: generation, supported: self.generation)
        }
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator().disablingDeferredForeignKeyChecks()
        migrator.registerMigration("first slice") { try $0.execute(sql: self.firstSlice) }
        migrator.registerMigration("who asked for an instance") { try $0.execute(sql: self.principals) }
        migrator.registerMigration("control and audit") { try $0.execute(sql: self.controlAndAudit) }
        migrator.registerMigration("webhooks") { try $0.execute(sql: self.webhooks) }
        migrator.registerMigration("job priorities") { try $0.execute(sql: self.jobPriorities) }
        migrator.registerMigration("creates in line") { try $0.execute(sql: self.createsInLine) }
        migrator.registerMigration("when there was a server") { try $0.execute(sql: self.service) }
        migrator.registerMigration("jobs that do not only look") { try $0.execute(sql: self.asking) }
        return migrator
    }

    private static let controlAndAudit = """
        ALTER TABLE deployment ADD COLUMN mark TEXT;

        CREATE TABLE control (
            singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
            payload TEXT NOT NULL
        ) STRICT;

        CREATE TABLE audit (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            ends_automatically INTEGER NOT NULL,
            payload TEXT NOT NULL
        ) STRICT;
        CREATE INDEX audit_age ON audit (at);
        CREATE INDEX audit_endings ON audit (at) WHERE ends_automatically = 1;
        """

    /// `payload` is the JSON of the domain's value, with revision 0: the column is the one place of the revision. Columns beside it
    /// are those that a query or a constraint needs. Times are microseconds since 1970, money is millionths of a dollar.
    private static let firstSlice = """
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = \(generation);

        CREATE TABLE deployment (
            singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
            id TEXT NOT NULL,
            history TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            fence INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        CREATE TABLE instance (
            id TEXT PRIMARY KEY,
            tenant TEXT NOT NULL,
            name TEXT NOT NULL,
            is_living INTEGER NOT NULL,
            has_ended INTEGER NOT NULL,
            liable_machines INTEGER NOT NULL,
            liable_hourly_spend INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            payload TEXT NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX instance_name ON instance (tenant, name) WHERE has_ended = 0;
        CREATE INDEX instance_living ON instance (created_at, id) WHERE is_living = 1;
        CREATE INDEX instance_liable ON instance (liable_machines, liable_hourly_spend) WHERE liable_machines > 0;
        CREATE INDEX instance_history ON instance (created_at, id);
        CREATE INDEX instance_tenant_history ON instance (tenant, created_at, id);

        CREATE TABLE job (
            sequence INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            tenant TEXT NOT NULL,
            instance_id TEXT NOT NULL,
            is_unfinished INTEGER NOT NULL,
            due_at INTEGER,
            lease_token TEXT,
            lease_expires_at INTEGER,
            created_at INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            payload TEXT NOT NULL
        ) STRICT;
        CREATE INDEX job_due ON job (due_at) WHERE is_unfinished = 1;
        CREATE INDEX job_leased ON job (lease_expires_at) WHERE lease_token IS NOT NULL;
        CREATE INDEX job_unfinished ON job (instance_id, sequence) WHERE is_unfinished = 1;
        CREATE INDEX job_history ON job (created_at, id);
        CREATE INDEX job_tenant_history ON job (tenant, created_at, id);

        CREATE TABLE event (
            revision INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            payload TEXT NOT NULL
        ) STRICT;

        CREATE TABLE request (
            tenant TEXT NOT NULL,
            method TEXT NOT NULL,
            request_id TEXT NOT NULL,
            payload_digest BLOB NOT NULL,
            instance_id TEXT NOT NULL,
            job_id TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            PRIMARY KEY (tenant, method, request_id)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE environment (
            instance_id TEXT PRIMARY KEY,
            payload TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """

    /// What an older release writes has the default, and so waits its turn.
    private static let jobPriorities = """
        ALTER TABLE job ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
        UPDATE job SET priority = 0 WHERE is_unfinished = 1 AND payload ->> '$.type' IN ('deleteInstance', 'stopInstance');
        CREATE INDEX job_due_by_priority ON job (priority, due_at) WHERE is_unfinished = 1;
        """

    /// The revision of the row that stands in line for capacity, nil for all others: one that an older release has written since, which leaves
    /// this column alone, has another.
    private static let createsInLine = """
        ALTER TABLE instance ADD COLUMN in_line_revision INTEGER;
        UPDATE instance SET in_line_revision = revision
        WHERE is_living = 1 AND payload ->> '$.state' = 'pending' AND payload ->> '$.stateReason' = 'noCapacity'
            AND payload ->> '$.upstream' IS NULL;
        CREATE INDEX instance_in_line ON instance (in_line_revision, revision) WHERE in_line_revision IS NOT NULL;
        """

    /// An older release leaves it alone, and so its time counts as one without a server.
    private static let service = """
        ALTER TABLE deployment ADD COLUMN served_until INTEGER;

        CREATE TABLE absence (
            began_at INTEGER PRIMARY KEY,
            ended_at INTEGER NOT NULL
        ) STRICT;
        """

    /// See `Job.isLook`. Word for word as a query has it, or the index is not used; and without the functions for JSON, which a schema that is not
    /// trusted may not use. No other member of a job is called `step` and an object, and quotation marks inside of texts are escaped.
    static let isNoLook = """
        max(instr(payload, '"step":{"settle"'), instr(payload, '"step":{"boot"'), instr(payload, '"step":{"confirm"')) = 0
        """

    /// Hundreds that look may be due while none of them has room.
    private static let asking = "CREATE INDEX job_asking ON job (priority, due_at) WHERE is_unfinished = 1 AND \(isNoLook);"

    private static let webhooks = """
        CREATE TABLE webhook_position (
            singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
            revision INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE webhook_mark (
            instance_id TEXT PRIMARY KEY,
            payload TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE webhook_delivery (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            target TEXT NOT NULL,
            tenant TEXT NOT NULL,
            due_at INTEGER,
            created_at INTEGER NOT NULL,
            payload TEXT NOT NULL
        ) STRICT;
        CREATE INDEX webhook_due ON webhook_delivery (target, due_at, created_at) WHERE due_at IS NOT NULL;
        CREATE INDEX webhook_ended ON webhook_delivery (created_at) WHERE due_at IS NULL;
        CREATE INDEX webhook_tenant ON webhook_delivery (tenant, sequence);
        """

    private static let principals = """
        ALTER TABLE instance ADD COLUMN principal TEXT;
        CREATE INDEX instance_liable_principal ON instance (principal, liable_machines, liable_hourly_spend) WHERE liable_machines > 0;
        """
}
