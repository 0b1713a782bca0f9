/// Scheme, host and port of a web server, without path, query or user (RFC 6454, section 4).
package struct Origin: Hashable, Sendable, CustomStringConvertible {
    package let isSecure: Bool
    package let host: String
    /// Nil: the scheme's own.
    package let port: Int?

    /// A single `/` at the end is dropped.
    package init?(_ text: String) {
        let lower = text.lowercased()
        guard let scheme = ["https://", "http://"].first(where: { lower.hasPrefix($0) }) else { return nil }
        var rest = text.dropFirst(scheme.count)
        if rest.last == "/" { rest.removeLast() }
        guard let (host, port) = splitHostAndPort(String(rest)), !host.isEmpty, port != 0 else { return nil }
        self.isSecure = scheme == "https://"
        self.host = host.lowercased()
        self.port = port
    }

    package var isLoopback: Bool { isLoopbackHost(self.host) }

    package var description: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "\(self.isSecure ? "https" : "http")://\(host)" + (self.port.map { ":\($0)" } ?? "")
    }
}

extension Form<Origin> {
    package static let origin = Form(
        rule: "an origin such as https://api.example.com, without a path", parse: { Origin($0) }, print: { $0.description })
}
