import Fleet
import GRDB

extension StoreError {
    /// For an error inside a transaction, which is rolled back: nothing was changed.
    init(rolledBack error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as DatabaseError: self = .unavailable(error.summary)
        default: self = .unavailable("unexpected error of type \(type(of: error))")
        }
    }
}

extension DatabaseError {
    /// Without the statement's arguments, which may be secrets.
    var summary: String {
        "SQLite \(self.extendedResultCode.rawValue): \(self.message ?? "no message")"
    }
}
