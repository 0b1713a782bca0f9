package import CurlClient
package import Fleet
internal import JSONText
package import Traces

/// Novita.ai's REST API as the `Cloud` of the fleet.
package final class NovitaCloud: Cloud {
    /// One HTTP exchange; `HTTPClient.execute` in a running server.
    package typealias Transport = @Sendable (HTTPRequest) async -> Result<HTTPResponse, HTTPClientError>

    let caller: APICaller
    private let lister: MachineLister
    let cache: FetchCache<Catalogue>
    let resources: ResourceCaches
    private let clock: any Clock

    /// - Parameters:
    ///   - tracer: nil traces nothing; what others trace is passed on all the same.
    ///   - report: told of every request, for the log and the metrics. Must not block.
    package init(
        _ configuration: NovitaCloudConfiguration, transport: @escaping Transport, clock: any Clock, random: RandomSource,
        tracer: Tracer? = nil, report: @escaping @Sendable (CallReport) -> Void
    ) {
        self.caller = APICaller(
            configuration: configuration, transport: transport, clock: clock, random: random, tracer: tracer, report: report)
        self.lister = MachineLister(caller: self.caller, clock: clock)
        self.cache = FetchCache(
            of: "catalogue", timeToLive: configuration.cacheTimeout, clock: clock, waitingMax: configuration.waitingMax)
        self.resources = ResourceCaches(timeToLive: configuration.cacheTimeout, clock: clock, waitingMax: configuration.waitingMax)
        self.clock = clock
    }

    package convenience init(
        _ configuration: NovitaCloudConfiguration, client: HTTPClient, clock: any Clock, random: RandomSource, tracer: Tracer? = nil,
        report: @escaping @Sendable (CallReport) -> Void
    ) {
        let transport: Transport = { request in
            do throws(HTTPClientError) {
                return .success(try await client.execute(request))
            } catch {
                return .failure(error)
            }
        }
        self.init(configuration, transport: transport, clock: clock, random: random, tracer: tracer, report: report)
    }

    package var clockSkew: Duration? { self.caller.clockSkew }

    package var health: UpstreamHealth { self.caller.health }

}

// MARK: - Machines

extension NovitaCloud {
    package func create(_ order: MachineOrder, call: CloudCall) async -> CreateOutcome {
        do throws(CallFailure) {
            let request = APIRequest.post("/gpu/instance/create", order.json, .never, secrets: order.environment.secrets)
            let reply = try await self.caller.json(request, call: call)
            let id = [reply, reply["id"], reply["instanceId"], reply["data"]["id"]].map(\.string).first { !$0.isEmpty }
            guard let id else { throw .malformedReply("the reply to create holds no id") }
            return .created(UpstreamID(rawValue: id))
        } catch {
            var failure = error.error
            if error.mayHaveBeenProcessed { return .unclear(failure) }
            // What was not found is something that the order names.
            if failure.code == .notFound { failure.code = .invalidRequest }
            return .refused(failure)
        }
    }

    package func machine(_ id: UpstreamID, call: CloudCall) async throws(CloudError) -> Machine? {
        do throws(CallFailure) {
            let reply = try await self.caller.json(.get("/gpu/instance", query: [("instanceId", id.rawValue)]), call: call)
            guard let machine = Machine(reply) ?? Machine(reply["instance"]), machine.id == id else {
                throw .malformedReply("the reply is not about this machine")
            }
            return UpstreamPhase(status: machine.status) == .gone ? nil : machine
        } catch {
            guard error.error.code == .notFound else { throw error.error }
            return nil
        }
    }

    package func machines(
        status: String?, call: CloudCall, onPage: @escaping @Sendable (MachineListing) -> Void
    ) async throws(CloudError) -> MachineListing {
        do throws(CallFailure) {
            return try await self.lister.list(.status(status), call: call, onPage: onPage)
        } catch {
            throw error.error
        }
    }

    package func machines(named text: String, call: CloudCall) async throws(CloudError) -> MachineListing {
        do throws(CallFailure) {
            return try await self.lister.search(text, call: call)
        } catch {
            throw error.error
        }
    }

    /// Repeated when unclear: a machine that is starting already answers `invalidState`, and the caller reads it again.
    package func start(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {
        try await self.change("start", id, .always, call)
    }

    package func stop(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {
        try await self.change("stop", id, .always, call)
    }

    /// A second restart would interrupt the machine again.
    package func restart(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {
        try await self.change("restart", id, .ifNotProcessed, call)
    }

    package func delete(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {
        do throws(CloudError) {
            try await self.change("delete", id, .always, call)
        } catch {
            guard error.code == .notFound else { throw error }
        }
    }

    private func change(
        _ verb: String, _ id: UpstreamID, _ repeatability: Repeatability, _ call: CloudCall
    ) async throws(CloudError) {
        let body = JSON.object([.init("instanceId", .string(id.rawValue))])
        try await self.post("/gpu/instance/\(verb)", body, repeatability, call)
    }

    /// Makes a change. The reply's status alone says that it was accepted: its body may be anything.
    func post(
        _ path: String, _ body: JSON, _ repeatability: Repeatability, secrets: [String] = [], _ call: CloudCall
    ) async throws(CloudError) {
        do throws(CallFailure) {
            _ = try await self.caller.send(.post(path, body, repeatability, secrets: secrets), call: call)
        } catch {
            throw error.changeError
        }
    }
}

// MARK: - Offers and money

extension NovitaCloud {
    package func catalogue(since time: Timestamp?, call: CloudCall) async throws(CloudError) -> Catalogue {
        do throws(CallFailure) {
            return try await self.cache.value(since: time, deadline: call.deadline) { () async throws(CallFailure) in
                try await self.fetchCatalogue(call)
            }.value
        } catch {
            throw error.error
        }
    }

    private func fetchCatalogue(_ call: CloudCall) async throws(CallFailure) -> Catalogue {
        let fetchedAt = self.clock.now
        let clusters = try await self.list("/clusters", [], call).compactMap(Cluster.init)
        let listings = ProductListings(
            onDemand: try await self.list("/products", [("billingMethod", BillingMode.onDemand.rawValue)], call),
            spot: try await self.list("/products", [("billingMethod", BillingMode.spot.rawValue)], call))
        let cpus = try await self.cpuProducts(call)
        return Catalogue(products: listings.products(in: clusters) + cpus, clusters: clusters, fetchedAt: fetchedAt)
    }

    /// An account that may not have any has none: that must not keep it from GPUs.
    private func cpuProducts(_ call: CloudCall) async throws(CallFailure) -> [Product] {
        do throws(CallFailure) {
            return try await self.list("/cpu/products", [], call).compactMap(Product.init(ofCPU:))
        } catch {
            switch error.error.code {
            case .notFound, .unauthorized, .invalidRequest: return []
            default: throw error
            }
        }
    }

    private func list(_ path: String, _ query: [(name: String, value: String)], _ call: CloudCall) async throws(CallFailure) -> [JSON] {
        guard let items = try await self.caller.json(.get(path, query: query), call: call).list("data") else {
            throw .malformedReply("the reply of \(path) holds no list")
        }
        return items
    }
}
