/// Where a program listens: `host:port`, `[v6-address]:port` or `unix:PATH`. Port 0 picks a free one.
package enum ListenAddress: Hashable, Sendable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    case unix(path: String)

    /// A path that fits `sockaddr_un` with its NUL (Linux, unix(7)).
    static let unixPathBytesMax = 107

    package init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, path.utf8.count <= Self.unixPathBytesMax, !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
            return
        }
        guard let (host, port) = splitHostAndPort(text), let port, !host.isEmpty else { return nil }
        self = .tcp(host: host, port: port)
    }

    /// Reachable from this machine only.
    package var isLoopback: Bool {
        switch self {
        case .tcp(let host, _): isLoopbackHost(host)
        case .unix: true
        }
    }

    /// Where a program on the same machine reaches what listens here: on every address is also on loopback.
    package var asTarget: ListenAddress {
        switch self {
        case .tcp("0.0.0.0", let port): .tcp(host: "127.0.0.1", port: port)
        case .tcp("::", let port): .tcp(host: "::1", port: port)
        case .tcp, .unix: self
        }
    }

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

extension Form<ListenAddress> {
    package static let listenAddress = Form(
        rule: "host:port with a port from 0 to 65535, or unix:PATH", parse: { ListenAddress($0) }, print: { $0.description })
}

/// Splits `host`, `host:port`, `[v6]` and `[v6]:port`; the port is nil when there is none. Nil for text of another shape.
func splitHostAndPort(_ text: String) -> (host: String, port: Int?)? {
    let host: Substring
    let rest: Substring
    if text.hasPrefix("[") {
        guard let end = text.firstIndex(of: "]") else { return nil }
        host = text[text.index(after: text.startIndex)..<end]
        rest = text[text.index(after: end)...]
        guard host.contains(":") else { return nil }
    } else {
        host = text.prefix { $0 != ":" }
        rest = text[host.endIndex...]
    }
    guard host.utf8.allSatisfy({ isHostByte($0) }) else { return nil }
    if rest.isEmpty { return (String(host), nil) }
    guard rest.first == ":", let port = decimal(rest.dropFirst()), (0...65535).contains(port) else { return nil }
    return (String(host), port)
}

private func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "%"):
        true
    default: false
    }
}

/// 127.0.0.0/8 (RFC 1122, section 3.2.1.3), ::1 (RFC 4291, section 2.5.3) and `localhost` (RFC 6761, section 6.3).
func isLoopbackHost(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count == 4, parts.allSatisfy({ decimal($0).map { $0 <= 255 } ?? false }) { return parts[0] == "127" }
    return host == "::1" || host.lowercased() == "localhost"
}
