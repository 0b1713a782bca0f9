/// How urgent a call to the provider is when the call budget is short; the first goes first.
package enum CallPriority: Int, Comparable, Sendable, CaseIterable {
    /// Deletes and everything that ends spending, and spot handling.
    case release
    /// What a caller waits for: create, start, stop, restart.
    case mutation
    /// Reads that move a transition on: polling a booting machine, settling.
    case transition
    /// The reconciler's sweeps and the catalogue.
    case sweep

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// What goes with every call to the provider.
package struct CloudCall: Sendable {
    package var priority: CallPriority
    /// Names the work in our log and travels to the provider as `X-Request-ID`.
    package var requestID: String
    /// The call is over by then, whatever happens; a call that could not be begun before is not begun.
    package var deadline: Timestamp

    package init(priority: CallPriority, requestID: String, deadline: Timestamp) {
        self.priority = priority
        self.requestID = requestID
        self.deadline = deadline
    }
}

/// An order for exactly one machine.
package struct MachineOrder: Sendable, Hashable {
    package var token: OwnershipToken
    package var spec: InstanceSpec
    package var environment: InstanceEnvironment
    package var placement: Placement

    package init(token: OwnershipToken, spec: InstanceSpec, environment: InstanceEnvironment, placement: Placement) {
        self.token = token
        self.spec = spec
        self.environment = environment
        self.placement = placement
    }
}

/// What is known after a create call. Nothing else may be concluded from it.
package enum CreateOutcome: Sendable {
    case created(UpstreamID)
    /// The provider said no, or nothing was ever sent: there is no machine, and there will be none from this call.
    case refused(CloudError)
    /// Anything else: there may be one now, or later.
    case unclear(CloudError)
}

/// A failed call to the provider.
package struct CloudError: Error, Sendable, Hashable {
    /// What the caller can do about it (novita-style error names are folded into these).
    package enum Code: String, Sendable, Codable, CaseIterable {
        /// No such machine (any more).
        case notFound
        /// No capacity for this product in this place now; another candidate may do.
        case capacity
        /// The machine is in another state than the call needs: read it again, then judge.
        case invalidState
        case unauthorized
        /// The account's balance or quota does not carry it.
        case money
        /// The provider does not accept the request as it is.
        case invalidRequest
        case rateLimited
        /// 5xx, gateway pages.
        case unavailable
        /// No answer in time, or the connection was lost.
        case transport
        /// An answer that makes no sense.
        case malformedReply
        /// The call budget or the circuit breaker kept the call from being made.
        case notAttempted
    }

    package var code: Code
    /// For people; at most 500 characters, without secrets.
    package var message: String
    /// What the provider asked for, if it did.
    package var retryAfter: Duration?
    /// False is a promise, made only by calls that change something: the provider has done nothing, and will do nothing, because of
    /// this call.
    package var mayHaveTakenEffect: Bool

    package init(_ code: Code, _ message: String, retryAfter: Duration? = nil, mayHaveTakenEffect: Bool = false) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
        self.mayHaveTakenEffect = mayHaveTakenEffect
    }
}

/// A machine as the provider describes it.
package struct Machine: Sendable, Hashable, Identifiable {
    package var id: UpstreamID
    package var name: String
    /// The provider's word, as it came.
    package var status: String
    package var statusError: String
    /// The token in the name or in the environment, whichever can be read; nil when neither holds one.
    package var token: OwnershipToken?
    package var clusterID: String
    package var productID: String
    /// Nil when the provider does not say; 0 for a machine without any.
    package var gpuCount: Int?
    /// Of the container's disk; nil when the provider does not say.
    package var diskGB: Int?
    package var billingMode: BillingMode?
    package var endpoints: [Endpoint]
    package var spotStatus: String
    package var spotReclaimAt: Timestamp?
    package var createdAt: Timestamp?
    /// The job that last gave it a new container, empty for none; nil when the reply does not show the environment.
    package var updateMark: String?
    /// Until when it is paid by the month; nil for one that is not.
    package var paidUntil: Timestamp?

    package init(
        id: UpstreamID, name: String, status: String, statusError: String = "", token: OwnershipToken? = nil, clusterID: String = "",
        productID: String = "", gpuCount: Int? = nil, diskGB: Int? = nil, billingMode: BillingMode? = nil, endpoints: [Endpoint] = [],
        spotStatus: String = "",
        spotReclaimAt: Timestamp? = nil, createdAt: Timestamp? = nil, updateMark: String? = nil,
        paidUntil: Timestamp? = nil
    ) {
        self.id = id
        self.name = name
        self.status = status
        self.statusError = statusError
        self.token = token
        self.clusterID = clusterID
        self.productID = productID
        self.gpuCount = gpuCount
        self.diskGB = diskGB
        self.billingMode = billingMode
        self.endpoints = endpoints
        self.spotStatus = spotStatus
        self.spotReclaimAt = spotReclaimAt
        self.createdAt = createdAt
        self.updateMark = updateMark
        self.paidUntil = paidUntil
    }
}

/// A listing: every page, duplicates dropped.
package struct MachineListing: Sendable, Hashable {
    package var machines: [Machine]
    /// When its first page was asked for.
    package var begunAt: Timestamp
    /// Calls that one reading of it takes.
    package var calls: Int
    /// The provider's own count is what has come. A listing that is not whole shows what there is, and is no proof of what there is not.
    package var isWhole: Bool
    /// It is known to lack something.
    package var isShort: Bool

    package init(machines: [Machine], begunAt: Timestamp, calls: Int = 1, isWhole: Bool = true, isShort: Bool = false) {
        self.machines = machines
        self.begunAt = begunAt
        self.calls = calls
        self.isWhole = isWhole
        self.isShort = isShort
    }
}

/// The provider. Every call may take until its deadline; none is made inside a store transaction.
package protocol Cloud: Sendable {
    /// The provider's time less ours, as its newest reply said; nil while none has said it.
    var clockSkew: Duration? { get }
    /// Asks for one machine, exactly once: never repeated inside, whatever happens.
    func create(_ order: MachineOrder, call: CloudCall) async -> CreateOutcome
    /// One machine; nil when the provider says that there is none (`removed` included).
    func machine(_ id: UpstreamID, call: CloudCall) async throws(CloudError) -> Machine?
    /// All machines of the account, or those with one status word of the provider.
    ///
    /// - Parameter onPage: told of each page that is not the last, as it comes; of some twice when the listing has to be begun anew.
    func machines(status: String?, call: CloudCall, onPage: @escaping @Sendable (MachineListing) -> Void) async throws(CloudError)
        -> MachineListing
    /// The machines whose name holds `text`. Fails when the provider counts more than it shows: what is not in this listing is not
    /// there, however pages of the full listing get lost; unless the provider does not count, and it is not whole.
    func machines(named text: String, call: CloudCall) async throws(CloudError) -> MachineListing
    func start(_ id: UpstreamID, call: CloudCall) async throws(CloudError)
    func stop(_ id: UpstreamID, call: CloudCall) async throws(CloudError)
    func restart(_ id: UpstreamID, call: CloudCall) async throws(CloudError)
    /// Opens ports and enlarges the disk, without a restart. With a larger disk never repeated inside when unclear: it would grow again.
    func edit(_ id: UpstreamID, _ edit: MachineEdit, call: CloudCall) async throws(CloudError)
    /// Accepted. The machine is stopped, its container made anew, and started.
    func upgrade(_ id: UpstreamID, _ upgrade: MachineUpgrade, call: CloudCall) async throws(CloudError)
    /// Accepted: a stopped machine is being moved to where there is room, by a job of kind `migration`. When that job fails the machine
    /// may stay in `migrating`. The id stays, as far as is known; the cluster may change.
    func migrate(_ id: UpstreamID, call: CloudCall) async throws(CloudError)
    /// Changes how the machine is paid for or looked after. What costs money is never repeated inside when unclear.
    func change(_ terms: MachineTerms, of id: UpstreamID, call: CloudCall) async throws(CloudError)
    /// Begins a job of kind `saveImage` that pushes the machine's disk to a registry. Never repeated inside when unclear.
    func saveImage(of id: UpstreamID, to image: String, registryCredentialID: String, call: CloudCall) async throws(CloudError)
        -> UpstreamJobID
    /// The provider's background jobs, newest first as it lists them; every page.
    func jobs(_ query: UpstreamJobQuery, call: CloudCall) async throws(CloudError) -> [UpstreamJob]
    func cancelJob(_ id: UpstreamJobID, call: CloudCall) async throws(CloudError)
    /// What the provider measured of a machine; empty for one that does not run.
    func metrics(of id: UpstreamID, in window: MetricWindow, call: CloudCall) async throws(CloudError) -> MachineMetrics
    /// The ways into a machine, with their passwords; nil when there is no such machine. They change with every start.
    func access(to id: UpstreamID, call: CloudCall) async throws(CloudError) -> MachineAccess?
    /// Accepted, or the machine is not known (any more). Proof of the end is only `machine` answering nil.
    func delete(_ id: UpstreamID, call: CloudCall) async throws(CloudError)
    /// What is on offer; may be as old as the cache's time to live, its `fetchedAt` says how old.
    ///
    /// - Parameter time: what was asked for before does not do; nil: whatever the cache has.
    func catalogue(since time: Timestamp?, call: CloudCall) async throws(CloudError) -> Catalogue
    /// What the account can still spend.
    func balance(call: CloudCall) async throws(CloudError) -> MicroUSD
    /// What the provider charged, machine by machine, as far as its bill for the span is made.
    func bill(from start: Timestamp, to end: Timestamp, of id: UpstreamID?, call: CloudCall) async throws(CloudError) -> [BillLine]
}

extension Cloud {
    package func machines(status: String?, call: CloudCall) async throws(CloudError) -> MachineListing {
        try await self.machines(status: status, call: call, onPage: { _ in })
    }
    package func catalogue(call: CloudCall) async throws(CloudError) -> Catalogue { try await self.catalogue(since: nil, call: call) }
}
