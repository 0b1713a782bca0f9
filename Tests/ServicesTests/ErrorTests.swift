import Access
import Fleet
import NovitaiProto
import ProtobufWire
import RPCCore
import Testing

@testable import Services

@Suite("Errors as statuses") struct ErrorTests {
    @Test("every error of the domain has its code and its reason", arguments: FleetError.Code.allCases)
    func table(_ code: FleetError.Code) throws {
        let expected: (RPCError.Code, String) =
            switch code {
            case .invalidArgument: (.invalidArgument, "INVALID_FIELDS")
            case .notFound: (.notFound, "NOT_FOUND")
            case .nameTaken: (.alreadyExists, "NAME_TAKEN")
            case .requestIDReused: (.invalidArgument, "REQUEST_ID_REUSED")
            case .ceilingReached: (.resourceExhausted, "CEILING_REACHED")
            case .balanceTooLow: (.failedPrecondition, "BALANCE_TOO_LOW")
            case .revisionMismatch: (.aborted, "REVISION_MISMATCH")
            case .deletionProtected: (.failedPrecondition, "DELETION_PROTECTED")
            case .invalidState: (.failedPrecondition, "INVALID_STATE")
            case .frozen: (.failedPrecondition, "FROZEN")
            case .observing: (.failedPrecondition, "OBSERVING")
            case .noCandidate: (.failedPrecondition, "NO_CANDIDATE")
            case .noCapacity: (.resourceExhausted, "NO_CAPACITY")
            case .revisionTrimmed, .unknownHistory: (.outOfRange, "RESUME_TOKEN_EXPIRED")
            case .watchTooSlow: (.resourceExhausted, "WATCH_TOO_SLOW")
            case .tooManyWaiters: (.resourceExhausted, "TOO_MANY_WAITERS")
            case .contention: (.aborted, "CONTENTION")
            case .storeUnavailable: (.unavailable, "STORE_UNAVAILABLE")
            case .outcomeUnknown: (.unknown, "OUTCOME_UNKNOWN")
            }
        let read = try ReadStatus(ErrorDetails(FleetError(code, "why")).error)
        #expect(read.error.code == expected.0)
        #expect(read.info?.reason == expected.1)
        #expect(read.info?.domain == "novitai")
        #expect(read.status.code == Int32(expected.0.rawValue) && read.status.message == "why" && read.error.message == "why")
        #expect(read.effect?.effect == (code == .outcomeUnknown ? NovitaiV1.Effect.unknown : NovitaiV1.Effect.none))
    }

    @Test(
        "an effect is unknown exactly when the store does not know it",
        arguments: [
            (.unavailable("disk"), .none), (.unknown("disk"), .unknown), (.conflict(InstanceID(rawValue: "i-1")), .none),
            (.leaseLost(JobID(rawValue: "j-1")), .none), (.revisionTrimmed(oldest: Revision(3)), .none),
        ] as [(StoreError, NovitaiV1.Effect)])
    func effects(_ error: StoreError, _ effect: NovitaiV1.Effect) throws {
        let read = try ReadStatus(ErrorDetails(FleetError(error)).error)
        #expect(read.effect?.effect == effect)
        #expect(!read.error.message.contains("disk"), "what the store says for the log is not told to callers")
    }

    @Test("field violations go out with their paths")
    func violations() throws {
        let error = FleetError.invalid([FieldViolation("spec.ports[0].port", "must be 1 to 65535"), FieldViolation("name", "is too long")])
        let read = try ReadStatus(ErrorDetails(error).error)
        #expect(read.badRequest?.fieldViolations.map(\.field) == ["spec.ports[0].port", "name"])
        #expect(read.badRequest?.fieldViolations.map(\.description) == ["must be 1 to 65535", "is too long"])
    }

    @Test(
        "the field to blame is named even when the domain does not know it",
        arguments: [
            (.nameTaken, "name"), (.requestIDReused, "request_id"), (.revisionTrimmed, "resume_token"), (.unknownHistory, "resume_token"),
        ] as [(FleetError.Code, String)])
    func blamedField(_ code: FleetError.Code, _ field: String) throws {
        let read = try ReadStatus(ErrorDetails(FleetError(code, "why")).error)
        #expect(read.badRequest?.fieldViolations.map(\.field) == [field])
    }

    @Test(
        "a reached ceiling is named, with its limit, its use and what was asked for",
        arguments: [
            (.instances, "MAX_INSTANCES", ["100", "99", "2"]),
            (.hourlySpend, "MAX_HOURLY_SPEND", ["0.0001 USD", "0.000099 USD", "0.000002 USD"]),
        ] as [(CeilingReached.Ceiling, String, [String])])
    func quota(_ ceiling: CeilingReached.Ceiling, _ subject: String, _ figures: [String]) throws {
        let reached = CeilingReached(ceiling: ceiling, limit: 100, inUse: 99, requested: 2)
        let read = try ReadStatus(ErrorDetails(FleetError(.ceilingReached, "", ceiling: reached)).error)
        let violation = try #require(read.quota?.violations.first)
        #expect(violation.subject == subject && violation.quotaValue == 100)
        for figure in figures { #expect(violation.description.contains(figure)) }
    }

    @Test("a time to try again is told to people's programs and to retry policies alike")
    func pushback() throws {
        let error = ErrorDetails(AccessRefusal.overloaded(retryAfter: .milliseconds(1500))).error
        #expect(error.code == .unavailable && error.metadata["grpc-retry-pushback-ms"] == "1500")
        #expect(try Refusal(error).detail(GoogleRpc.RetryInfo.self)?.retryDelay?.seconds == 1)
        #expect(ErrorDetails(.noCredentials).error.metadata.isEmpty)
    }

    @Test("a principal's own ceiling names the principal")
    func ownQuota() throws {
        let reached = CeilingReached(ceiling: .instances, principal: PrincipalID(rawValue: "ann"), limit: 5, inUse: 4, requested: 2)
        let violation = try #require(
            try ReadStatus(ErrorDetails(FleetError(.ceilingReached, "", ceiling: reached)).error).quota?.violations.first)
        #expect(violation.subject == "principal:ann" && violation.quotaId == "MAX_INSTANCES" && violation.quotaValue == 5)
        #expect(violation.description == "MAX_INSTANCES of ann is 5: 4 in use, 2 more asked for")
    }

    @Test(
        "what the call was about is named as its caller named it, else by the id that is known",
        arguments: [
            (FleetError(.nameTaken, "", instanceID: InstanceID(rawValue: "i-1")), "trainer", "novitai.v1.Instance", "trainer"),
            (FleetError(.notFound, "", instanceID: InstanceID(rawValue: "i-1")), "", "novitai.v1.Instance", "i-1"),
            (FleetError(.notFound, "", jobID: JobID(rawValue: "j-1")), "", "novitai.v1.Job", "j-1"),
            (FleetError(.invalidState, "", instanceID: InstanceID(rawValue: "i-1")), "j-1", "novitai.v1.Job", "j-1"),
        ])
    func resource(_ error: FleetError, _ subject: String, _ type: String, _ name: String) throws {
        let read = try ReadStatus(ErrorDetails(error, subject: subject, type).error)
        #expect(read.resource?.resourceType == type && read.resource?.resourceName == name)
    }

    @Test(
        "a missing precondition has a type and a subject",
        arguments: [
            (.revisionMismatch, "REVISION"), (.deletionProtected, "DELETION_PROTECTION"), (.invalidState, "STATE"),
        ] as [(FleetError.Code, String)])
    func precondition(_ code: FleetError.Code, _ type: String) throws {
        let read = try ReadStatus(ErrorDetails(FleetError(code, "why", instanceID: InstanceID(rawValue: "i-1"))).error)
        let violation = try #require(read.precondition?.violations.first)
        #expect(violation.type == type && violation.subject == "i-1" && violation.description == "why")
    }

    @Test("what nobody foresaw is told by its number alone, and what was cut off leaves the effect open")
    func unforeseen() throws {
        for (details, code, reason) in [
            (ErrorDetails(incident: "x1"), RPCError.Code.internal, "INTERNAL"), (.cancelled, .cancelled, "CANCELLED"),
        ] {
            let read = try ReadStatus(details.error)
            #expect(read.error.code == code && read.info?.reason == reason && read.effect?.effect == .unknown)
        }
        #expect(try ReadStatus(ErrorDetails(incident: "x1").error).info?.metadata["incidentId"] == "x1")
    }

    @Test("when to try again is said when it is known")
    func retry() throws {
        let known = try ReadStatus(ErrorDetails(FleetError(.noCapacity, "", retryAfter: .milliseconds(1500))).error)
        #expect(known.retry?.retryDelay?.seconds == 1 && known.retry?.retryDelay?.nanos == 500_000_000)
        #expect(try ReadStatus(ErrorDetails(FleetError(.noCapacity, "")).error).retry == nil)
    }

    @Test("an unclear job is named, so that it can be waited for")
    func settlingJob() throws {
        let read = try ReadStatus(ErrorDetails(FleetError(.outcomeUnknown, "", jobID: JobID(rawValue: "j-1"))).error)
        #expect(read.effect?.effect == .unknown && read.effect?.jobId == "j-1")
    }

    @Test("the provider's refusals never look like the caller's own", arguments: CloudError.Code.allCases)
    func cloud(_ code: CloudError.Code) throws {
        let read = try ReadStatus(ErrorDetails(CloudError(code, "no", retryAfter: .seconds(2))).error)
        #expect(![.ok, .unauthenticated, .permissionDenied, .invalidArgument, .internal].contains(read.error.code))
        #expect(read.effect?.effect == NovitaiV1.Effect.none && read.retry?.retryDelay?.seconds == 2 && read.info?.reason.isEmpty == false)
    }

    @Test(
        "who is not let in learns why",
        arguments: [
            (.noCredentials, .unauthenticated), (.unknownCredentials, .unauthenticated),
            (.notPermitted(needed: .operator), .permissionDenied),
            (.notPermitted(needed: nil), .permissionDenied), (.tooManyCalls(retryAfter: .seconds(1)), .resourceExhausted),
        ] as [(AccessRefusal, RPCError.Code)])
    func access(_ refusal: AccessRefusal, _ code: RPCError.Code) throws {
        let read = try ReadStatus(ErrorDetails(refusal).error)
        #expect(read.error.code == code && read.effect?.effect == NovitaiV1.Effect.none)
    }

    @Test("an unforeseen error is told by its number only")
    func incident() throws {
        let read = try ReadStatus(ErrorDetails(incident: "abc").error)
        #expect(read.error.code == .internal && read.error.message.contains("abc") && read.info?.metadata["incidentId"] == "abc")
        #expect(read.effect?.effect == .unknown)
    }
}

@Suite("Errors within their size") struct ErrorSizeTests {
    @Test(
        "details stay within 4 KiB, keep reason and effect, and name at least the first field as long as there is room",
        arguments: [1, 10, 100, 1000, 100_000], [1, 10, 100, 1000, 10_000])
    func budget(count: Int, textSize: Int) throws {
        guard count * textSize <= 1_000_000 else { return }
        let text = String(repeating: "ü", count: textSize)
        var error = FleetError.invalid((0..<count).map { FieldViolation("spec.ports[\($0)].port", text) })
        error.jobID = JobID(rawValue: "j-1")
        error.retryAfter = .seconds(1)
        let read = try ReadStatus(ErrorDetails(error, subject: text).error)
        #expect(read.error.details.count <= 4096)
        #expect(read.error.message.utf8.count <= ErrorDetails.messageBytesMax)
        #expect(read.info?.reason == "INVALID_FIELDS" && read.effect?.jobId == "j-1")
        #expect(read.badRequest?.fieldViolations.first?.field == "spec.ports[0].port")
        if count <= 10, textSize <= 10 { #expect(read.badRequest?.fieldViolations.count == count) }
    }

    @Test("texts are cut between characters", arguments: [3, 4, 5, 6, 7, 64])
    func cut(to size: Int) {
        for text in ["abcdefgh", "üüüüüüüü", "😀😀😀", "e\u{301}e\u{301}e\u{301}e\u{301}"] {
            let cut = ErrorDetails.shortened(text, to: size)
            #expect(cut.utf8.count <= max(size, 3))
            #expect(cut == text || cut.hasSuffix("…"))
            #expect(text.utf8.count > size || cut == text)
        }
    }
}

/// A status as a client reads it from the trailers.
private struct ReadStatus {
    let error: RPCError
    let status: GoogleRpc.Status

    init(_ error: RPCError) throws {
        self.error = error
        self.status = try GoogleRpc.Status(decoding: error.details)
    }

    var info: GoogleRpc.ErrorInfo? { self.detail() }
    var effect: NovitaiV1.ErrorEffect? { self.detail() }
    var badRequest: GoogleRpc.BadRequest? { self.detail() }
    var quota: GoogleRpc.QuotaFailure? { self.detail() }
    var precondition: GoogleRpc.PreconditionFailure? { self.detail() }
    var resource: GoogleRpc.ResourceInfo? { self.detail() }
    var retry: GoogleRpc.RetryInfo? { self.detail() }

    private func detail<Message: ProtobufMessage>() -> Message? {
        self.status.details.first { $0.typeUrl == "type.googleapis.com/\(Message.protobufName)" }.flatMap {
            try? Message(decoding: $0.value)
        }
    }
}
