/// Which database holds the state.
package enum DatabaseURL: Hashable, Sendable {
    case sqlite(path: String)
    /// The whole URL; it may hold a password.
    case postgres(Secret)

    package init?(_ text: String) {
        if text.hasPrefix("sqlite:") {
            let path = String(text.dropFirst("sqlite:".count))
            guard !path.isEmpty, !path.utf8.contains(0) else { return nil }
            self = .sqlite(path: path)
        } else if ["postgres://", "postgresql://"].contains(where: { text.hasPrefix($0) && text.count > $0.count }) {
            self = .postgres(Secret(text))
        } else {
            return nil
        }
    }
}

extension Form<DatabaseURL> {
    package static let database = Form(
        rule: "sqlite:PATH or postgres://…", parse: { DatabaseURL($0) },
        print: { url in
            switch url {
            case .sqlite(let path): "sqlite:\(path)"
            case .postgres: "postgres://(redacted)"
            }
        })
}
