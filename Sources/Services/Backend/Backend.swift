internal import Access
package import Fleet
package import Logging
internal import NovitaiProto
internal import ProtobufWire
package import RPCCore
internal import Traces

/// What the handlers stand on: the domain, its ports, and what the server is.
package struct Backend: Sendable {
    package let store: any Store
    package let view: View
    package let cloud: any Cloud & CloudResources
    package let clock: any Clock
    package let settings: FleetSettings
    package let cooldowns: Cooldowns
    package let mutations: Mutations
    package let governor: FleetGovernor
    /// Compares the account with the records now: a dry run or not, and what the work is called in the log.
    package let reconcile: @Sendable (Bool, String) async throws -> ReconciliationReport
    /// Nil: no target is set up.
    package let webhooks: Webhooks?
    package let random: RandomSource
    package let drain: DrainSignal
    package let log: Logger

    /// - Parameters:
    ///   - view: attached to the store.
    ///   - cooldowns: shared with the engine.
    package init(
        store: any Store, view: View, cloud: any Cloud & CloudResources, clock: any Clock, settings: FleetSettings, cooldowns: Cooldowns,
        random: RandomSource, monitor: FleetMonitor = FleetMonitor(), drain: DrainSignal, log: Logger, webhooks: Webhooks? = nil,
        reconcile: @escaping @Sendable (Bool, String) async throws -> ReconciliationReport
    ) {
        self.store = store
        self.view = view
        self.cloud = cloud
        self.clock = clock
        self.settings = settings
        self.cooldowns = cooldowns
        self.mutations = Mutations(store: store, view: view, clock: clock, settings: settings, random: random, monitor: monitor)
        self.governor = FleetGovernor(store: store, view: view, clock: clock)
        self.reconcile = reconcile
        self.webhooks = webhooks
        self.random = random
        self.drain = drain
        self.log = log
    }

    /// The caller, as the interceptor found out. Without one the call is denied.
    func caller(of context: ServerContext) throws -> Principal {
        guard let principal = context.principal as? Principal else { throw ErrorDetails(.noCredentials).error }
        return principal
    }

    func tenant(of context: ServerContext) throws -> TenantID {
        TenantID(rawValue: try self.caller(of: context).tenant)
    }

    /// A request id for the call when it brings none: random, so that it is nobody else's.
    func requestID(_ given: String) -> String {
        guard given.isEmpty else { return given }
        return "auto-" + String(self.random.next(), radix: 36) + String(self.random.next(), radix: 36)
    }

    func requestKey(_ requestID: String, method: String, _ tenant: TenantID) -> RequestKey {
        RequestKey(tenant: tenant, method: method, requestID: self.requestID(requestID))
    }

    /// Who makes a call that changes something, and how its repetition is known.
    ///
    /// - Parameter payload: the request without its id and `validate_only`.
    func mutation(
        _ requestID: String, _ method: String, _ payload: some ProtobufMessage, _ context: ServerContext
    ) throws -> FleetGovernor.Caller {
        let principal = try self.caller(of: context)
        let key = self.requestKey(requestID, method: method, TenantID(rawValue: principal.tenant))
        let violations = SpecRules.violations(ofRequestID: key.requestID)
        guard violations.isEmpty else { throw FleetError.invalid(violations) }
        return FleetGovernor.Caller(actor: principal.id, request: key, payloadDigest: try PayloadDigest.of(payload, method: method))
    }

    func note(_ caller: FleetGovernor.Caller, _ context: ServerContext) {
        self.log.info(
            "change accepted",
            metadata: [
                "method": "\(caller.request.method)", "request_id": "\(caller.request.requestID)", "call_id": "\(context.callID)",
                "principal": "\(caller.actor)", "tenant": "\(caller.request.tenant)",
            ])
    }

    /// Runs a handler and turns what it throws into a status.
    ///
    /// - Parameter subject: what the call is about, as the caller named it.
    nonisolated(nonsending) func answer<Reply>(
        _ context: ServerContext, about subject: String = "", of type: String = NovitaiV1.Instance.protobufName,
        _ body: nonisolated(nonsending) () async throws -> Reply
    ) async throws(RPCError) -> Reply {
        do {
            return try await WorkContext.$current.withValue(context.work) { try await body() }
        } catch {
            throw WorkContext.$current.withValue(context.work) { self.status(of: error, context, subject: subject, type) }
        }
    }

    /// Runs work that takes milliseconds on the threads that are there for it: not on a connection's event loop.
    ///
    /// Such work may queue, which no event loop sees. When its caller has left meanwhile, or would get the answer too late, it is not begun: or
    /// else, with more of it than can be done, all of it would be answered too late.
    nonisolated(nonsending) func onThreads<Result>(
        for context: ServerContext, _ work: nonisolated(nonsending) () async throws -> Result
    ) async throws -> Result {
        let caller = try self.caller(of: context)
        let queuedAt = ContinuousClock.now
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            try Task.checkCancellation()
            let now = ContinuousClock.now
            do throws(AccessRefusal) {
                try LoadShedding.check(caller, timeLeft: context.deadline.map { now.duration(to: $0) }, waited: queuedAt.duration(to: now))
            } catch {
                throw ErrorDetails(error).error
            }
            return try await work()
        }
    }

    private func status(of error: any Error, _ context: ServerContext, subject: String, _ type: String) -> RPCError {
        switch error {
        case let error as RPCError: error
        case let error as FleetError: ErrorDetails(error, subject: subject, type).error
        case let error as StoreError: ErrorDetails(FleetError(error), subject: subject, type).error
        case let error as CloudError: ErrorDetails(error).error
        case is CancellationError: ErrorDetails.cancelled.error
        default: self.incident(error, context)
        }
    }

    private func incident(_ error: any Error, _ context: ServerContext) -> RPCError {
        let incident = String(self.random.next(), radix: 36)
        self.log.error(
            "call failed unexpectedly",
            metadata: ["incident": "\(incident)", "method": "\(context.method.path)", "call_id": "\(context.callID)", "error": "\(error)"])
        return ErrorDetails(incident: incident).error
    }

    /// A call to the provider on behalf of a caller, over when the caller stops waiting.
    func cloudCall(_ context: ServerContext, priority: CallPriority = .mutation) -> CloudCall {
        var deadline = self.clock.now + self.settings.requestTimeout
        if let callerDeadline = context.deadline {
            deadline = min(deadline, self.clock.now + max(.zero, ContinuousClock.now.duration(to: callerDeadline)))
        }
        return CloudCall(priority: priority, requestID: context.callID, deadline: deadline)
    }
}

extension ServerContext {
    /// The header that names a call across services.
    static let callIDHeader = "x-request-id"
    static let callIDLengthMax = 64

    /// Names the call in logs and at the provider: the caller's `x-request-id` when it is usable, else one of ours.
    package var callID: String {
        guard let given = self.requestMetadata[Self.callIDHeader], (1...Self.callIDLengthMax).contains(given.utf8.count) else {
            return self.requestID
        }
        return given
    }
}
