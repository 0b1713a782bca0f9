import GRDB

/// A database file with all tables and nothing in them, not even a deployment: what opens it, or a copy of it, makes one as in a new file.
///
/// For simulations, which begin thousands of times: making the tables takes longer than many a life that follows.
package enum EmptyDatabase {
    /// - Parameter path: of a file that does not exist, in a directory that does.
    package static func make(at path: String) throws(SQLiteOpenError) {
        do {
            let queue = try SQLiteCore.open(path, SQLiteOptions(path: path, isDurable: false))
            try Schema.prepare(queue, path: path)
            try queue.close()
        } catch {
            throw SQLiteCore.openError(error, path: path)
        }
    }
}
