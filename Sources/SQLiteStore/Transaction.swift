import Fleet
import GRDB

/// An open transaction, shared by a group of operations: each runs in a savepoint, so that a failed one fails alone. Of one that has no company
/// the transaction itself is the savepoint.
final class Transaction {
    struct Attachment: Sendable {
        let follower: any LogFollower
        /// Its snapshot includes everything up to here.
        let revision: Revision
    }

    let database: Database
    let sealer: (any Sealer)?
    let resting: RestingInstances
    /// The newest one, the operations of this transaction included.
    private(set) var revision: Revision
    private(set) var events: [Event] = []
    private(set) var attachment: Attachment?
    /// What was said about the fleet in this transaction, if anything was.
    var controlChange: FleetControl?
    private let isForOne: Bool
    /// Its only operation has failed: all of it is to be undone.
    private(set) var hasFailed = false
    /// Summed once for the group, by the first that asks, and then kept up to date with each write.
    private var knownLiability: Liability?
    private let startRevision: Revision

    /// - Parameters:
    ///   - revision: the newest one; nil: as the database says.
    ///   - isForOne: there will be no second operation. When that one fails, whoever opened the transaction rolls it back.
    init(
        _ database: Database, sealer: (any Sealer)?, resting: RestingInstances = [:], revision: Revision? = nil, isForOne: Bool = false
    ) throws {
        self.database = database
        self.isForOne = isForOne
        self.sealer = sealer
        self.resting = resting
        self.revision =
            try revision ?? Revision(Int64.fetchOne(database.cachedStatement(sql: "SELECT revision FROM deployment")) ?? 0)
        self.startRevision = self.revision
    }

    func attempt<Value>(_ operation: StoreOperation<Value>) -> Result<Value, StoreError> {
        // Some errors (a full disk, for example) may end the whole transaction, and what follows would run without one.
        guard self.database.isInsideTransaction else { return .failure(.unavailable("the transaction was rolled back")) }
        let before = (self.revision, self.events.count, self.attachment, self.knownLiability, self.controlChange)
        do {
            return .success(try self.isForOne ? operation.run(self) : self.savepoint { try operation.run(self) })
        } catch {
            self.hasFailed = self.isForOne
            self.events.removeSubrange(before.1...)
            (self.revision, _, self.attachment, self.knownLiability, self.controlChange) = before
            return .failure(StoreError(rolledBack: error))
        }
    }

    /// Takes the next place in the log.
    func nextRevision() -> Revision {
        self.revision.number += 1
        return self.revision
    }

    func append(_ event: Event) {
        self.events.append(event)
    }

    func attach(_ follower: any LogFollower) {
        self.attachment = Attachment(follower: follower, revision: self.revision)
    }

    /// Machines not proven gone, and their dollars per hour, over all tenants.
    func liability() throws -> Liability {
        if let known = self.knownLiability { return known }
        let sum = try self.sumOfLiabilities()
        self.knownLiability = sum
        return sum
    }

    /// To be called before the instance is written.
    func noteLiability(of instance: Instance) throws {
        guard let known = self.knownLiability else { return }
        self.knownLiability = known + Liability(instance) - (try self.liability(of: instance.id))
    }

    /// Once for all operations: the counter's row is written last.
    func writeRevision() throws {
        guard self.revision != self.startRevision else { return }
        try self.execute("UPDATE deployment SET revision = ?", [self.revision.number])
    }

    func execute(_ sql: String, _ arguments: StatementArguments = StatementArguments()) throws {
        try self.database.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    func row(_ sql: String, _ arguments: StatementArguments) throws -> Row? {
        try Row.fetchOne(self.database.cachedStatement(sql: sql), arguments: arguments)
    }

    /// Maps while stepping through the rows, so that only what is made of them is held in memory.
    func rows<Element>(_ sql: String, _ arguments: StatementArguments, _ make: (Row) throws -> Element) throws -> [Element] {
        let cursor = try Row.fetchCursor(self.database.cachedStatement(sql: sql), arguments: arguments)
        var elements: [Element] = []
        while let row = try cursor.next() {
            elements.append(try make(row))
        }
        return elements
    }

    /// Its statements are prepared once for the connection: parsing them again for each operation cost as much as running it.
    private func savepoint<Value>(_ body: () throws -> Value) throws -> Value {
        try self.execute("SAVEPOINT operation")
        do {
            let value = try body()
            try self.execute("RELEASE operation")
            return value
        } catch {
            self.rollBackOperation()
            throw error
        }
    }

    /// What cannot be undone by itself is undone with all of the group: `attempt` and the commit see that no transaction is left.
    private func rollBackOperation() {
        guard self.database.isInsideTransaction else { return }
        do {
            try self.execute("ROLLBACK TO operation")
            try self.execute("RELEASE operation")
        } catch {
            try? self.database.rollback()
        }
    }
}
