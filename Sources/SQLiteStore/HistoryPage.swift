import Fleet
import GRDB

/// The part of a statement that picks a page of history: newest first, continued after a key instead of counted from the start,
/// so that the last page costs what the first does.
struct HistoryPage {
    let clauses: String
    let arguments: StatementArguments

    init(_ query: HistoryQuery) {
        var conditions: [String] = []
        var arguments: StatementArguments = []
        if let tenant = query.tenant {
            conditions.append("tenant = ?")
            arguments += [tenant.rawValue]
        }
        if let cursor = query.after {
            conditions.append("(created_at, id) < (?, ?)")
            arguments += [cursor.createdAt.microseconds, cursor.id]
        }
        let condition = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        self.clauses = "\(condition) ORDER BY created_at DESC, id DESC LIMIT ?"
        self.arguments = arguments + [max(0, query.limit)]
    }
}
