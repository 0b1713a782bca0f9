extension NovitaSimulator {
    /// One call of a client at `now`: a fault may strike, the call is done or not, and the exchange says what the caller sees and when.
    package mutating func call(
        _ operation: Operation, at now: SimulatorTime, requestID: String = "", traceParent: String = ""
    ) -> Exchange {
        self.advance(to: now)
        let fault = self.faults.strike(operation, using: &self.faultGenerator)
        let outcome = self.outcome(of: operation, under: fault?.effect ?? .delay)
        self.log(operation, outcome, fault: fault, requestID: requestID, traceParent: traceParent)
        return Exchange(outcome: outcome, delay: fault?.delay ?? .zero)
    }

    private mutating func outcome(of operation: Operation, under effect: Fault.Effect) -> Exchange.Outcome {
        switch effect {
        case .delay:
            return .answered(self.perform(operation))
        case .dropBefore:
            return .connectionClosed
        case .dropAfter:
            _ = self.perform(operation)
            return .connectionClosed
        case .late(let delay):
            self.timeline.schedule(.lateCall(operation), at: self.now + delay)
            return .connectionClosed
        case .statusBefore(let error):
            return .answered(.failure(error))
        case .statusAfter(let error):
            _ = self.perform(operation)
            return .answered(.failure(error))
        case .html(let status):
            return .gatewayPage(status: status)
        case .rateLimit(let retryAfter):
            return .answered(.failure(.rateLimited(retryAfter: retryAfter)))
        case .staleList(let lag):
            return .answered(self.perform(operation, listLag: lag))
        case .shortPage:
            return .answered(self.perform(operation).map(Self.shortened))
        }
    }

    private static func shortened(_ reply: Reply) -> Reply {
        guard case .instances(var page) = reply else { return reply }
        page.instances.removeLast((page.instances.count + 1) / 2)
        return .instances(page)
    }

    /// Does what the call asks. `listLag` makes a list show the past.
    mutating func perform(_ operation: Operation, listLag: Duration = .zero) -> Result<Reply, APIError> {
        do throws(APIError) {
            return .success(try self.reply(to: operation, listLag: listLag))
        } catch {
            return .failure(error)
        }
    }

    private mutating func reply(to operation: Operation, listLag: Duration) throws(APIError) -> Reply {
        switch operation {
        case .listClusters: return .clusters(self.catalogue.clusters, offered: self.namesOffered())
        case .listProducts(let query): return .products(self.offers(for: query))
        case .createInstance(let request): return .created(id: try self.create(request))
        case .listInstances(let query): return .instances(try self.page(for: query, asOf: self.now - listLag))
        case .getInstance(let id): return .instance(self.machines[try self.visibleIndex(of: id)])
        case .startInstance(let id): return .accepted(id: id, status: try self.start(id))
        case .stopInstance(let id): return .accepted(id: id, status: try self.stop(id))
        case .restartInstance(let id): return .accepted(id: id, status: try self.restart(id))
        case .deleteInstance(let id):
            try self.delete(id)
            return .empty
        case .listCPUProducts(let query): return .cpuProducts(self.offers(for: query, isCPU: true))
        case .upgradeInstance(let request): return .accepted(id: request.id, status: try self.upgrade(request))
        case .resource(let call): return .resource(try self.perform(call))
        case .getBalance: return .balance(self.balance())
        case .listBills(let query): return .bills(self.bills(query))
        case .editInstance, .migrateInstance, .changeTerms, .listJobs, .saveImage, .breakJob, .getMetrics:
            return try self.replyToChange(operation)
        case .unreadable(_, _, let error): throw error
        }
    }

    private mutating func replyToChange(_ operation: Operation) throws(APIError) -> Reply {
        switch operation {
        case .editInstance(let request): try self.edit(request)
        case .migrateInstance(let id): try self.migrate(id)
        case .changeTerms(let request): try self.changeTerms(request)
        case .listJobs(let query):
            let (jobs, total) = try self.page(of: query)
            return .jobs(jobs, total: total)
        case .saveImage(let request): return .job(id: try self.saveImage(request))
        case .breakJob(let id):
            try self.breakJob(id)
            return .job(id: id)
        case .getMetrics(let query): return .metrics(try self.series(for: query))
        default: break
        }
        return .done
    }

    private mutating func log(
        _ operation: Operation, _ outcome: Exchange.Outcome, fault: Fault?, requestID: String, traceParent: String
    ) {
        let status: Int? =
            switch outcome {
            case .answered(.success): 200
            case .answered(.failure(let error)): error.status
            case .gatewayPage(let status): status
            case .connectionClosed: nil
            }
        let record = RequestRecord(
            sequence: 0, time: self.now, method: operation.method, path: operation.fullPath, subject: operation.subject,
            requestID: requestID, traceParent: traceParent, status: status, fault: fault?.effect.name)
        self.requests.append(record, endpoint: operation.endpoint)
    }
}

/// The API, endpoint by endpoint, without faults and log.
extension NovitaSimulator {
    package mutating func listProducts(_ query: ProductQuery = ProductQuery(), at now: SimulatorTime) -> [ProductOffer] {
        self.advance(to: now)
        return self.offers(for: query)
    }

    /// The new instance's id: all that the provider tells.
    package mutating func createInstance(_ request: CreateRequest, at now: SimulatorTime) throws(APIError) -> String {
        self.advance(to: now)
        return try self.create(request)
    }

    package mutating func listInstances(_ query: InstanceQuery = InstanceQuery(), at now: SimulatorTime) throws(APIError) -> InstancePage {
        self.advance(to: now)
        return try self.page(for: query, asOf: self.now)
    }

    package mutating func getInstance(_ id: String, at now: SimulatorTime) throws(APIError) -> Machine {
        self.advance(to: now)
        return self.machines[try self.visibleIndex(of: id)]
    }

    package mutating func startInstance(_ id: String, at now: SimulatorTime) throws(APIError) {
        self.advance(to: now)
        _ = try self.start(id)
    }

    package mutating func stopInstance(_ id: String, at now: SimulatorTime) throws(APIError) {
        self.advance(to: now)
        _ = try self.stop(id)
    }

    package mutating func restartInstance(_ id: String, at now: SimulatorTime) throws(APIError) {
        self.advance(to: now)
        _ = try self.restart(id)
    }

    package mutating func deleteInstance(_ id: String, at now: SimulatorTime) throws(APIError) {
        self.advance(to: now)
        try self.delete(id)
    }
}
