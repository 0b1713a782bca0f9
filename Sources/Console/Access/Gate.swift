/// Which requests the console takes at all, by what the browser says of them.
///
/// A page of somebody else must not make changes with the cookie or from the machine of whoever looks at it. The cookie is `SameSite=Strict`,
/// but a site is a host with all its ports, and a server without identities needs no cookie. So every request that asks for something carries
/// a header that no foreign page may send without being asked by a preflight, which nobody answers here; and a request without a session
/// must name the machine by address or as `localhost`, because a foreign name that leads to this machine (DNS rebinding) is a foreign page.
enum Gate {
    struct Request: Sendable {
        /// The `Host` header.
        var host: String?
        var origin: String?
        /// `Sec-Fetch-Site`
        var fetchSite: String?
        var hasMark: Bool
        /// GET needs no mark: a stream of events cannot send any, and what it answers stays unreadable for a foreign page.
        var isGet: Bool
        var hasSession: Bool
    }

    static let mark = "x-novitai-console"

    /// - Returns: why the request is refused, or nil.
    static func refusal(of request: Request) -> String? {
        if let site = request.fetchSite, site != "same-origin", site != "none" { return "the request comes from another site's page" }
        if let origin = request.origin, self.authority(ofOrigin: origin) != request.host?.lowercased() {
            return "the request comes from a page of another origin"
        }
        guard request.isGet || request.hasMark else { return "the header \(self.mark) is missing" }
        guard request.hasSession || self.isOwnMachine(request.host) else {
            return "without signing in the console is reached by an address or as localhost, not by a name"
        }
        return nil
    }

    /// `host:port` of `https://host:port`; nil for `null` and whatever else is no origin of a page of ours.
    private static func authority(ofOrigin origin: String) -> String? {
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) { return origin.dropFirst(scheme.count).lowercased() }
        return nil
    }

    /// An address, or a name that no name server is asked about.
    static func isOwnMachine(_ host: String?) -> Bool {
        guard let host = host?.lowercased() else { return false }
        if host.hasPrefix("[") { return true }
        let name = host.prefix { $0 != ":" }
        if name == "localhost" || name.hasSuffix(".localhost") { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}
