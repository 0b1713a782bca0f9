import GRDB
import GRDBSQLite

extension Database {
    /// Pages that this connection has written to the log since it was last asked (sqlite.org, "Status Parameters for database connections",
    /// `SQLITE_DBSTATUS_CACHE_WRITE`); a megabyte's when SQLite does not say.
    func takeWrittenPageCount() -> Int {
        guard let connection = unsafe self.sqliteConnection else { return 256 }
        var (count, highest): (Int32, Int32) = (0, 0)
        // The connection is open as long as GRDB lends its database, and SQLite writes the two numbers before it returns.
        let result = unsafe sqlite3_db_status(connection, SQLITE_DBSTATUS_CACHE_WRITE, &count, &highest, 1)
        return result == SQLITE_OK ? Int(count) : 256
    }
}
