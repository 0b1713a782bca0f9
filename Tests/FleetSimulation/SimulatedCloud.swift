import Fleet
import NovitaSimulator
import Synchronization

/// One server's way to the provider: a `Cloud` without HTTP, with deadlines, a call budget and a cached catalogue.
final class SimulatedCloud: Cloud {
    let provider: SimulatedProvider
    private let clock: VirtualClock
    private let life: Life
    private let requestsPerMinute: Int
    /// Of one request; a listing has several.
    private let requestTimeout: Duration
    /// Machines on a page of a listing.
    private let pageSize: Int
    private let nextSlot = Mutex<Timestamp?>(nil)

    init(provider: SimulatedProvider, clock: VirtualClock, life: Life, settings: FleetSettings, pageSize: Int = 100) {
        self.provider = provider
        self.clock = clock
        self.life = life
        self.requestsPerMinute = settings.upstreamRequestsPerMinute
        self.requestTimeout = settings.requestTimeout
        self.pageSize = pageSize
    }

    var clockSkew: Duration? { self.provider.clockSkew.withLock { $0 } }

    func create(_ order: MachineOrder, call: CloudCall) async -> CreateOutcome {
        do throws(CloudError) {
            guard case .created(let id) = try await self.exchange(.createInstance(Self.request(for: order)), call) else {
                return .unclear(CloudError(.malformedReply, "no id"))
            }
            return .created(UpstreamID(rawValue: id))
        } catch {
            switch error.code {
            case .unavailable, .transport, .malformedReply: return .unclear(error)
            default: return .refused(error)
            }
        }
    }

    func machine(_ id: UpstreamID, call: CloudCall) async throws(CloudError) -> Fleet.Machine? {
        do throws(CloudError) {
            guard case .instance(let machine) = try await self.exchange(.getInstance(id: id.rawValue), call) else { return nil }
            return machine.status == .removed ? nil : Self.machine(machine)
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// Believed when it is short in the same way twice, as `NovitaCloud` does.
    func machines(
        status: String?, call: CloudCall, onPage: @escaping @Sendable (MachineListing) -> Void
    ) async throws(CloudError) -> MachineListing {
        let begunAt = self.clock.now
        let query = InstanceQuery(status: status ?? "")
        let first = try await self.pass(query, call, onPage)
        guard first.isShort else { return first.listing(begunAt) }
        let second = try await self.pass(query, call)
        guard !second.isShort || Set(second.machines.keys) == Set(first.machines.keys) else { throw second.shortage }
        return second.listing(begunAt)
    }

    func machines(named text: String, call: CloudCall) async throws(CloudError) -> MachineListing {
        let begunAt = self.clock.now
        let pass = try await self.pass(InstanceQuery(name: text), call)
        guard !pass.isShort else { throw pass.shortage }
        var listing = pass.listing(begunAt)
        listing.isWhole = self.provider.statesTotals.withLock { $0 }
        return listing
    }

    /// One reading of all pages.
    private struct Pass {
        var machines: [UpstreamID: Fleet.Machine] = [:]
        var total = 0
        var calls = 0

        var isShort: Bool { self.machines.count < self.total }
        var shortage: CloudError { CloudError(.malformedReply, "\(self.machines.count) of \(self.total) machines") }

        func listing(_ begunAt: Timestamp) -> MachineListing {
            let standing = self.machines.values.filter { $0.status != "removed" }
            return MachineListing(machines: standing.sorted { $0.id < $1.id }, begunAt: begunAt, calls: max(1, self.calls))
        }
    }

    private func pass(
        _ query: InstanceQuery, _ call: CloudCall, _ onPage: (MachineListing) -> Void = { _ in }
    ) async throws(CloudError) -> Pass {
        var (query, pass) = (query, Pass())
        query.pageSize = self.pageSize
        for page in 1... {
            query.pageNumber = page
            let askedAt = self.clock.now
            guard case .instances(let answer) = try await self.exchange(.listInstances(query), call) else {
                throw CloudError(.malformedReply, "no list")
            }
            let before = pass.machines.count
            let machines = answer.instances.map(Self.machine)
            for machine in machines { pass.machines[machine.id] = machine }
            pass.calls += 1
            pass.total = answer.total
            if !pass.isShort || pass.machines.count == before { break }
            onPage(MachineListing(machines: machines.filter { $0.status != "removed" }, begunAt: askedAt))
        }
        return pass
    }

    func start(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {
        _ = try await self.exchange(.startInstance(id: id.rawValue), call)
    }

    func stop(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {
        _ = try await self.exchange(.stopInstance(id: id.rawValue), call)
    }

    func restart(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {
        _ = try await self.exchange(.restartInstance(id: id.rawValue), call)
    }

    func delete(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {
        do throws(CloudError) {
            _ = try await self.exchange(.deleteInstance(id: id.rawValue), call)
        } catch  where error.code == .notFound {
            return
        }
    }

    /// Not a call: a cached answer is the usual case, and its failures are other tests' subject.
    func catalogue(since time: Timestamp?, call: CloudCall) async throws(CloudError) -> Fleet.Catalogue {
        await Task.yield()
        return self.provider.catalogue(at: self.clock.now)
    }

    func balance(call: CloudCall) async throws(CloudError) -> MicroUSD {
        guard case .balance(let balance) = try await self.exchange(.getBalance, call) else {
            throw CloudError(.malformedReply, "no balance")
        }
        return MicroUSD(micros: balance.available)
    }

    // MARK: The exchange

    func exchange(_ operation: ProviderOperation, _ call: CloudCall) async throws(CloudError) -> ProviderReply {
        try await self.takeSlot(before: call.deadline)
        guard self.life.isAlive, self.clock.now < call.deadline, !Task.isCancelled else {
            throw CloudError(.notAttempted, "not begun")
        }
        let reply = Arrival<ProviderExchange.Outcome?>()
        self.provider.send(operation, requestID: call.requestID, epoch: self.life.epoch, reply: reply)
        let timer = self.clock.schedule(at: min(call.deadline, self.clock.now + self.requestTimeout)) { reply.come(nil) }
        let outcome = await withTaskCancellationHandler {
            await reply.value
        } onCancel: {
            reply.come(nil)
        }
        self.clock.cancel(timer)
        switch outcome {
        case .answered(.success(let reply)): return reply
        case .answered(.failure(let error)): throw CloudError(error)
        case .gatewayPage(let status): throw CloudError(.unavailable, "gateway page \(status)")
        case .connectionClosed: throw CloudError(.transport, "connection closed")
        case nil: throw CloudError(.transport, "no answer in time")
        }
    }

    /// The call budget: calls are spread evenly, ten may come at once.
    private func takeSlot(before deadline: Timestamp) async throws(CloudError) {
        let interval = Duration.microseconds(60_000_000 / self.requestsPerMinute)
        let now = self.clock.now
        let slot: Timestamp? = self.nextSlot.withLock { next in
            let slot = max(next ?? now - interval * 10, now - interval * 10)
            guard max(slot, now) < deadline else { return nil }
            next = slot + interval
            return slot
        }
        guard let slot else { throw CloudError(.notAttempted, "no room in the call budget") }
        if slot > now { await self.clock.sleep(until: slot) }
    }
}

extension SimulatedCloud {
    private static func request(for order: MachineOrder) -> CreateRequest {
        var request = CreateRequest(
            name: order.token.text, productID: order.placement.productID, gpuCount: order.spec.gpuCount, rootfsSize: order.spec.diskGB,
            imageURL: order.spec.image)
        request.clusterID = order.placement.clusterID
        request.billingMode = order.placement.billingMode.rawValue
        request.ports = order.spec.ports.map { "\($0.port)/\($0.protocol.rawValue)" }.joined(separator: ",")
        request.environment = [EnvironmentVariable(key: OwnershipToken.environmentName, value: order.token.text)]
        return request
    }

    private static func machine(_ machine: ProviderMachine) -> Fleet.Machine {
        Fleet.Machine(
            id: UpstreamID(rawValue: machine.id), name: machine.name, status: machine.status.rawValue,
            statusError: machine.statusError?.message ?? "", token: Self.token(of: machine), clusterID: machine.cluster.id,
            productID: machine.product.id, gpuCount: machine.request.gpuCount, diskGB: machine.request.rootfsSize,
            billingMode: machine.billingMode == .spot ? .spot : .onDemand,
            endpoints: machine.connection == nil ? [] : machine.ports.map { self.endpoint(Int($0.number), of: machine) },
            spotStatus: machine.spot?.status.rawValue ?? "",
            spotReclaimAt: machine.spot?.reclaimTime.map { Timestamp(microseconds: $0.microseconds) },
            createdAt: Timestamp(seconds: machine.createdAt.unixSeconds),
            updateMark: machine.request.environment.first { $0.key == OwnershipToken.updateEnvironmentName }?.value ?? "",
            paidUntil: machine.endTime.map { Timestamp(microseconds: $0.microseconds) })
    }

    /// The environment's before the name's, as `NovitaCloud` does.
    private static func token(of machine: ProviderMachine) -> OwnershipToken? {
        let variable = machine.request.environment.first { $0.key == OwnershipToken.environmentName }
        return variable.flatMap { OwnershipToken($0.value) } ?? OwnershipToken(machine.name)
    }

    private static func endpoint(_ port: Int, of machine: ProviderMachine) -> Fleet.Endpoint {
        Fleet.Endpoint(port: port, protocol: .http, address: "https://\(machine.id)-\(port).example")
    }
}

extension CloudError {
    init(_ error: ProviderError) {
        let code: Code =
            switch (error.status, error.reason) {
            case (429, _): .rateLimited
            case (401, _), (403, _): .unauthorized
            case (500..., _): .unavailable
            case (_, "INSUFFICIENT_RESOURCE"): .capacity
            case (_, "BALANCE_NOT_ENOUGH"), (_, "CREATE_INSTANCE_LIMIT"), (_, "PREPAID_INSTANCE_NOT_SUPPORT_RELEASE"): .money
            case (_, let reason) where reason.hasSuffix("NOT_FOUND"): .notFound
            case _ where error.message == "invalid state change": .invalidState
            default: .invalidRequest
            }
        self.init(code, error.message, retryAfter: error.retryAfter.map { .seconds($0) })
    }
}

extension SimulatedProvider {
    /// What is on offer, in the fleet's words.
    func catalogue(at now: Timestamp) -> Fleet.Catalogue {
        self.withSimulator { simulator, time in
            let offers = simulator.listProducts(at: time)
            let clusters = simulator.configuration.catalogue.clusters.map { Fleet.Cluster(id: $0.id, name: $0.name, productNames: []) }
            let products = offers.map { offer in
                Fleet.Product(
                    id: offer.product.id, name: offer.product.name, cpuCount: offer.product.cpuPerGPU, memoryGB: offer.product.memoryPerGPU,
                    minDiskGB: 10, maxDiskGB: offer.product.maxRootFS, onDemandPrice: MicroUSD(micros: offer.product.price * 10),
                    spotPrice: offer.product.spotPrice.map { MicroUSD(micros: $0 * 10) },
                    monthlyPrices: offer.product.monthlyPrice.map { [1: MicroUSD(micros: $0 * 10)] } ?? [:],
                    clusterIDs: offer.product.clusterIDs,
                    stock: offer.inventory.rawValue, isAvailable: offer.isDeployable)
            }
            return Fleet.Catalogue(products: products, clusters: clusters, fetchedAt: now)
        }
    }
}
