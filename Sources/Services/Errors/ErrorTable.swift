internal import Access
internal import Fleet
internal import NovitaiProto
internal import ProtobufWire
internal import RPCCore

// The one table from the errors of the domain to statuses of RPC: nothing else chooses a status code for them.

extension ErrorDetails {
    private struct Row {
        var code: RPCError.Code
        var reason: String
        /// The type of the `PreconditionFailure`, when it is one.
        var precondition: String?
        /// The field of the request that is to blame, when that is not said in `FleetError.violations`.
        var field: String?

        init(_ code: RPCError.Code, _ reason: String, precondition: String? = nil, field: String? = nil) {
            self.code = code
            self.reason = reason
            self.precondition = precondition
            self.field = field
        }
    }

    /// - Parameters:
    ///   - subject: what the call was about, as its caller named it; empty takes the ids that the error holds.
    ///   - type: what that is the name of.
    init(_ error: FleetError, subject: String = "", _ type: String = NovitaiV1.Instance.protobufName) {
        let row = Self.row(of: error.code)
        self.init(row.code, row.reason, error.message)
        self.effect = error.isOutcomeUnknown ? .unknown : .none
        self.jobID = error.jobID?.rawValue ?? ""
        self.metadata["instanceId"] = error.instanceID?.rawValue
        self.metadata["jobId"] = error.jobID?.rawValue
        let violations = error.violations.prefix(Self.violationsMax) + (row.field.map { [FieldViolation($0, error.message)] } ?? [])
        self.violations = violations.map { .init($0) }
        self.quota = error.ceiling.map { .init($0) }
        self.resource = Self.resource(of: error, subject, type)
        self.precondition = row.precondition.map { .init($0, subject: self.resource?.resourceName ?? "", error.message) }
        self.retryDelay = error.retryAfter
    }

    /// Violations that are put into details before it is tried whether they fit: a request may have as many faults as it has fields.
    private static let violationsMax = 64

    /// UNAVAILABLE, after which clients repeat a call of their own accord, is given only where nothing was changed and another try may help.
    private static func row(of code: FleetError.Code) -> Row {
        switch code {
        case .invalidArgument: Row(.invalidArgument, "INVALID_FIELDS")
        case .notFound: Row(.notFound, "NOT_FOUND")
        case .nameTaken: Row(.alreadyExists, "NAME_TAKEN", field: "name")
        case .requestIDReused: Row(.invalidArgument, "REQUEST_ID_REUSED", field: "request_id")
        case .ceilingReached: Row(.resourceExhausted, "CEILING_REACHED")
        case .balanceTooLow: Row(.failedPrecondition, "BALANCE_TOO_LOW", precondition: "BALANCE")
        case .revisionMismatch: Row(.aborted, "REVISION_MISMATCH", precondition: "REVISION")
        case .deletionProtected: Row(.failedPrecondition, "DELETION_PROTECTED", precondition: "DELETION_PROTECTION")
        case .invalidState: Row(.failedPrecondition, "INVALID_STATE", precondition: "STATE")
        case .frozen: Row(.failedPrecondition, "FROZEN", precondition: "FREEZE")
        case .observing: Row(.failedPrecondition, "OBSERVING", precondition: "DEPLOYMENT")
        case .noCandidate: Row(.failedPrecondition, "NO_CANDIDATE", precondition: "OFFER")
        case .noCapacity: Row(.resourceExhausted, "NO_CAPACITY")
        // One answer for both: the client does the same, it begins again with a snapshot.
        case .revisionTrimmed, .unknownHistory: Row(.outOfRange, "RESUME_TOKEN_EXPIRED", field: "resume_token")
        case .watchTooSlow: Row(.resourceExhausted, "WATCH_TOO_SLOW")
        case .tooManyWaiters: Row(.resourceExhausted, "TOO_MANY_WAITERS")
        case .contention: Row(.aborted, "CONTENTION")
        case .storeUnavailable: Row(.unavailable, "STORE_UNAVAILABLE")
        // Not UNAVAILABLE: a client that gave no request id must not repeat the call unasked.
        case .outcomeUnknown: Row(.unknown, "OUTCOME_UNKNOWN")
        }
    }

    private static func resource(of error: FleetError, _ subject: String, _ type: String) -> GoogleRpc.ResourceInfo? {
        if !subject.isEmpty { return .init(type, subject) }
        if let instance = error.instanceID { return .init(NovitaiV1.Instance.protobufName, instance.rawValue) }
        return error.jobID.map { .init(NovitaiV1.Job.protobufName, $0.rawValue) }
    }

    /// A call to the provider. Machines are changed by jobs, never by a handler; other things are, and then the error may not know
    /// whether something was done. UNAVAILABLE would be repeated by clients of their own accord.
    init(_ error: CloudError) {
        let row = error.mayHaveTakenEffect ? Row(.unknown, "OUTCOME_UNKNOWN") : Self.row(of: error.code)
        self.init(row.code, row.reason, "the provider: \(error.message)")
        self.effect = error.mayHaveTakenEffect ? .unknown : .none
        self.precondition = row.precondition.map { .init($0, subject: "provider", error.message) }
        self.retryDelay = error.retryAfter
    }

    private static func row(of code: CloudError.Code) -> Row {
        switch code {
        case .notFound: Row(.notFound, "UPSTREAM_NOT_FOUND")
        case .capacity: Row(.resourceExhausted, "NO_CAPACITY")
        case .invalidState: Row(.failedPrecondition, "UPSTREAM_INVALID_STATE", precondition: "UPSTREAM_STATE")
        // Not UNAUTHENTICATED: it is the server whom the provider does not know, not the caller.
        case .unauthorized: Row(.failedPrecondition, "UPSTREAM_UNAUTHORIZED", precondition: "UPSTREAM_ACCESS")
        case .money: Row(.failedPrecondition, "UPSTREAM_BALANCE", precondition: "UPSTREAM_BALANCE")
        case .invalidRequest: Row(.failedPrecondition, "UPSTREAM_REFUSED", precondition: "UPSTREAM_REQUEST")
        case .rateLimited: Row(.unavailable, "UPSTREAM_RATE_LIMITED")
        case .unavailable, .transport, .malformedReply: Row(.unavailable, "UPSTREAM_UNAVAILABLE")
        case .notAttempted: Row(.unavailable, "UPSTREAM_NOT_ATTEMPTED")
        }
    }

    init(_ refusal: AccessRefusal) {
        switch refusal {
        case .noCredentials: self.init(.unauthenticated, "NO_CREDENTIALS", "the call needs a token: authorization: Bearer TOKEN")
        case .unknownCredentials: self.init(.unauthenticated, "UNKNOWN_CREDENTIALS", "the token is not known or no longer valid")
        case .notPermitted(.some(let role)): self.init(.permissionDenied, "NOT_PERMITTED", "the method needs the role \(role)")
        case .notPermitted(nil): self.init(.permissionDenied, "NOT_PERMITTED", "nobody may call the method")
        case .tooManyCalls(let retryAfter):
            self.init(.resourceExhausted, "TOO_MANY_CALLS", "more calls than the caller's rate limit allows")
            self.retryDelay = retryAfter
        case .overloaded(let retryAfter):
            self.init(.unavailable, "OVERLOADED", "the server has too much to do to answer in time; nothing was done")
            self.retryDelay = retryAfter
        case .tooManyConcurrentCalls(let limit, let retryAfter):
            self.init(.resourceExhausted, "TOO_MANY_CONCURRENT_CALLS", "\(limit) calls of the caller are at work, as many as it may have")
            self.retryDelay = retryAfter
        }
    }

    /// An error that nobody foresaw. Its text may hold anything, so it goes to the log, and only its number to the caller.
    init(incident: String) {
        self.init(.internal, "INTERNAL", "an internal error occurred; the server's log has it as \(incident)")
        self.effect = .unknown
        self.metadata["incidentId"] = incident
    }

    /// The caller went away, or its deadline was over, while the call was at work.
    static var cancelled: Self {
        var details = Self(.cancelled, "CANCELLED", "the call was cancelled")
        details.effect = .unknown
        return details
    }

    static func tooManyTests(retryAfter: Duration) -> Self {
        var details = Self(
            .resourceExhausted, "TOO_MANY_CALLS", "\(WebhookTestPace.perMinuteMax) tests were sent within a minute, as many as may be")
        details.retryDelay = retryAfter
        return details
    }

    /// A call that only waits, ended because the server goes away. Another server, or this one in a moment, answers it.
    static var draining: Self { Self(.unavailable, "DRAINING", "the server is going away; call again") }

    /// - Parameters:
    ///   - type: the full name of its message type.
    ///   - name: as the caller named it.
    static func notFound(_ type: String, _ name: String) -> Self {
        let word = type.split(separator: ".").last?.lowercased() ?? "object"
        var details = Self(.notFound, "NOT_FOUND", "there is no \(word) \(name)")
        details.resource = .init(type, name)
        return details
    }
}

extension GoogleRpc.BadRequest.FieldViolation {
    fileprivate init(_ violation: FieldViolation) {
        self.init()
        self.field = violation.field
        self.description = violation.description
    }
}

extension GoogleRpc.QuotaFailure.Violation {
    fileprivate init(_ ceiling: CeilingReached) {
        self.init()
        self.subject = ceiling.principal.map { "principal:\($0)" } ?? ceiling.ceiling.rawValue
        self.description = ceiling.description
        self.quotaId = ceiling.ceiling.rawValue
        self.quotaValue = ceiling.limit
    }
}

extension GoogleRpc.PreconditionFailure.Violation {
    fileprivate init(_ type: String, subject: String, _ description: String) {
        self.init()
        self.type = type
        self.subject = subject
        self.description = description
    }
}

extension GoogleRpc.ResourceInfo {
    fileprivate init(_ type: String, _ name: String) {
        self.init()
        self.resourceType = type
        self.resourceName = name
    }
}
