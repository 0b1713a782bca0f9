internal import FoundationEssentials
internal import HTTPTypes
internal import Hummingbird
internal import NovitaiProto
internal import ProtobufJSON
internal import RPCCore

/// Who a request of the page is from, and what it may ask for.
struct Visitors: Sendable {
    struct Visitor: Sendable {
        /// Names the visitor in limits.
        let person: String
        /// nil: not signed in.
        fileprivate let session: String?
        fileprivate let metadata: Metadata

        var options: CallOptions { CallOptions(timeout: ConsoleLimits.callTimeout, metadata: self.metadata) }
        var watchOptions: CallOptions { CallOptions(metadata: self.metadata) }
    }

    static let cookie = "novitai_console"
    /// Sent for who is not signed in. It is no token, so a server with identities refuses it, whatever this process' own certificate or user
    /// proves; one without takes everybody. It keeps the console from ever acting as the sidecar.
    static let nobody = "Bearer -"
    private static let rolesThatChange: Set = ["operator", "admin"]

    private let channel: any RPCChannel
    private let isLoopback: Bool
    private let sessions = Sessions()

    init(channel: any RPCChannel, isLoopback: Bool) {
        self.channel = channel
        self.isLoopback = isLoopback
    }

    func visitor(_ request: Request, isGet: Bool) throws(Problem) -> Visitor {
        let name = request.cookies[Self.cookie]?.value
        let session = name.flatMap { self.sessions.use($0) }
        try Self.check(request, isGet: isGet, hasSession: session != nil)
        guard let session else { return try Self.visitor("", session: nil, Self.nobody) }
        return try Self.visitor(session.principal, session: name, session.authorization)
    }

    /// Whether it may go on: a stream outlives the request that opened it.
    func isStill(_ visitor: Visitor) -> Bool {
        guard let session = visitor.session else { return true }
        return self.sessions.use(session) != nil
    }

    /// The role is the server's to judge. Who is not signed in may change nothing but what this very machine serves without identities.
    func checkMayChange(_ visitor: Visitor) throws(Problem) {
        guard visitor.session != nil || self.isLoopback else {
            throw Problem(.unauthenticated, "SIGN_IN_NEEDED", "changes are made by people who are signed in")
        }
    }

    // MARK: - Signing in and out

    /// What the page is told of who looks at it.
    private struct Answer {
        var signedIn = false
        var mayChange = false
        /// The server wants a token.
        var needsToken = false
        var server: NovitaiV1.ServerInfo?
    }

    func session(_ request: Request) async throws(Problem) -> Response {
        let visitor = try self.visitor(request, isGet: true)
        do throws(RPCError) {
            return .json(self.answer(for: try await self.serverInfo(visitor), isSignedIn: visitor.session != nil))
        } catch  where error.code == .unauthenticated {
            // A token that was revoked, or whose time is over, is as good as none.
            if let session = visitor.session { self.sessions.end(session) }
            return .json(MessageJSON(Answer(needsToken: true), .compact).text)
        } catch {
            throw Problem(error)
        }
    }

    func signIn(_ request: Request, body: [UInt8]) async throws(Problem) -> Response {
        // Signing in needs no session, and names no machine: the token is proof enough.
        try Self.check(request, isGet: false, hasSession: true)
        let authorization = try Self.authorization(body)
        let visitor = try Self.visitor("", session: nil, authorization)
        // A server without identities takes whatever it is sent: there a token proves nothing, and a session would open what only this
        // machine may do.
        guard try await self.serverWantsTokens() else {
            throw Problem(.failedPrecondition, "NO_IDENTITIES", "the server has no identities: there is nobody to sign in as")
        }
        do throws(RPCError) {
            let info = try await self.serverInfo(visitor)
            let name = self.sessions.begin(authorization: authorization, principal: info.caller?.id ?? "")
            var response = Response.json(self.answer(for: info, isSignedIn: true))
            response.headers[.setCookie] = Self.setCookie(name, age: ConsoleLimits.sessionAge, request)
            return response
        } catch {
            throw Problem(error)
        }
    }

    func signOut(_ request: Request) throws(Problem) -> Response {
        try Self.check(request, isGet: false, hasSession: true)
        if let name = request.cookies[Self.cookie]?.value { self.sessions.end(name) }
        var response = Response.json("{}")
        response.headers[.setCookie] = Self.setCookie("", age: .zero, request)
        return response
    }

    private func serverWantsTokens() async throws(Problem) -> Bool {
        let nobody = try Self.visitor("", session: nil, Self.nobody)
        do throws(RPCError) {
            _ = try await self.serverInfo(nobody)
            return false
        } catch  where error.code == .unauthenticated {
            return true
        } catch {
            throw Problem(error)
        }
    }

    private func serverInfo(_ visitor: Visitor) async throws(RPCError) -> NovitaiV1.ServerInfo {
        try await NovitaiV1.AdminServiceClient(self.channel).getServerInfo(.init(), options: visitor.options)
    }

    private func answer(for info: NovitaiV1.ServerInfo, isSignedIn: Bool) -> String {
        let mayChange = Self.rolesThatChange.contains(info.caller?.role ?? "") && (isSignedIn || self.isLoopback)
        return MessageJSON(Answer(signedIn: isSignedIn, mayChange: mayChange, server: info), .compact).text
    }

    private static func authorization(_ body: [UInt8]) throws(Problem) -> String {
        struct Form: Decodable {
            var token: String
        }
        guard let form = try? JSONDecoder().decode(Form.self, from: Data(body)), !form.token.isEmpty,
            form.token.utf8.count <= ConsoleLimits.tokenBytesMax
        else {
            throw Problem(.invalidArgument, "INVALID_FIELDS", "1 to \(ConsoleLimits.tokenBytesMax) characters", field: "token")
        }
        return "Bearer \(form.token)"
    }

    private static func visitor(_ person: String, session: String?, _ authorization: String) throws(Problem) -> Visitor {
        var metadata = Metadata()
        do throws(RPCError) {
            try metadata.append(authorization, for: "authorization")
        } catch {
            throw Problem(.invalidArgument, "INVALID_FIELDS", "has characters that no token has", field: "token")
        }
        return Visitor(person: person, session: session, metadata: metadata)
    }

    private static func check(_ request: Request, isGet: Bool, hasSession: Bool) throws(Problem) {
        let facts = Gate.Request(
            host: request.head.authority, origin: request.headers[.origin], fetchSite: request.headers[Header.fetchSite],
            hasMark: request.headers[Header.mark] != nil, isGet: isGet, hasSession: hasSession)
        if let reason = Gate.refusal(of: facts) { throw Problem(.permissionDenied, "FOREIGN_REQUEST", reason) }
    }

    /// Only for the facade's own path, for no script, and for no request that another site's page begins. Encrypted connections end at a proxy,
    /// which says so; believing it can only make the cookie stricter.
    private static func setCookie(_ value: String, age: Duration, _ request: Request) -> String {
        let secure = request.headers[Header.forwardedProto] == "https" ? "; Secure" : ""
        return "\(self.cookie)=\(value); Path=/console/api; Max-Age=\(age.components.seconds); HttpOnly; SameSite=Strict\(secure)"
    }
}
