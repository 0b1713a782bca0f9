/// Why a database file could not be opened. Nothing was changed in it.
package enum SQLiteOpenError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Another process, or another store of this one, owns the file.
    case inUse(path: String)
    /// A later release removed something that this one needs.
    case schemaTooNew(path: String, generation: Int, supported: Int)
    /// A database of some other program.
    case notOurs(path: String)
    /// Secrets in it are sealed under a key that is not at hand.
    case keyMissing(path: String, keyID: String)
    /// The file or its directory cannot be used. Text for people.
    case failed(path: String, reason: String)

    package var description: String {
        switch self {
        case .inUse(let path):
            "\(path) is in use by another process"
        case .schemaTooNew(let path, let generation, let supported):
            "\(path) was written by a later release: its schema is of generation \(generation), this release reads up to \(supported)"
        case .notOurs(let path):
            "\(path) is the database of another program"
        case .keyMissing(let path, let keyID):
            "\(path) holds secrets that are sealed with the key \(keyID), which is not at hand"
        case .failed(let path, let reason):
            "\(path) cannot be opened: \(reason)"
        }
    }
}
