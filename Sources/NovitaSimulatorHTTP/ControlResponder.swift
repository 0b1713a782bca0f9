internal import Hummingbird
internal import NIOCore
internal import NovitaSimulator

/// The controls under `/_sim/`: what a test does behind the API's back. Not logged, and beyond the reach of faults.
struct ControlResponder: Sendable {
    /// No control needs more (bytes).
    private static let bodySizeMax = 1 << 16
    /// Ten years: further would only overflow something.
    private static let advanceSecondsMax = 315_360_000.0
    /// Faults armed at a time; each call looks at all of them.
    private static let faultsMax = 1000
    /// Calls shown by `GET /_sim/requests` when the caller does not say.
    private static let requestsShown = 1000

    let host: SimulatorHost

    func makeRouter() -> Router<SimulatorContext> {
        let router = Router(context: SimulatorContext.self)
        let controls = router.group("_sim")
        self.get("ledger", on: controls, self.ledger)
        self.get("requests", on: controls, self.requests)
        self.get("faults", on: controls) { _ in self.faults() }
        self.get("stock", on: controls) { _ in self.stock() }
        self.get("clock", on: controls) { _ in Self.json(of: self.host.adjustClock()) }
        self.post("faults", on: controls) { body, _ throws(APIError) in try self.armFault(body) }
        self.post("stock", on: controls) { body, _ throws(APIError) in try self.setStock(body) }
        self.post("prices", on: controls) { body, _ throws(APIError) in try self.setPrice(body) }
        self.post("lists", on: controls) { body, _ throws(APIError) in try self.setPageCap(body) }
        self.post("clock", on: controls) { body, _ throws(APIError) in try self.adjustClock(body) }
        self.post("reset", on: controls) { body, _ throws(APIError) in try self.reset(body) }
        self.post("spot/:id/notify", on: controls, self.notifySpot)
        self.post("spot/:id/reclaim", on: controls, self.reclaimSpot)
        self.post("instances/:id/fail", on: controls, self.failInstance)
        self.post("instances/:id/vanish", on: controls, self.vanishInstance)
        self.post("instances/:id/load", on: controls, self.setLoad)
        self.post("mishaps", on: controls) { body, _ throws(APIError) in try self.armMishap(body) }
        controls.delete("faults") { _, _ in
            self.host.withSimulator { simulator, _ in simulator.clearFaults() }
            return Response.json([:])
        }
        controls.delete("mishaps") { _, _ in
            self.host.withSimulator { simulator, _ in simulator.clearMishaps() }
            return Response.json([:])
        }
        return router
    }

    // MARK: Routes

    private typealias Query = [Substring: Substring]

    private func get(
        _ path: RouterPath, on group: RouterGroup<SimulatorContext>, _ answer: @escaping @Sendable (Query) throws(APIError) -> JSONValue
    ) {
        group.get(path) { request, _ in
            Self.response { () throws(APIError) in
                try answer(Query(request.uri.queryParameters.map { ($0.key, $0.value) }) { first, _ in first })
            }
        }
    }

    private func post(
        _ path: RouterPath, on group: RouterGroup<SimulatorContext>,
        _ answer: @escaping @Sendable (FieldReader, _ id: String) throws(APIError) -> JSONValue
    ) {
        group.post(path) { request, context in
            let body = try await request.body.collect(upTo: Self.bodySizeMax)
            return Self.response { () throws(APIError) in
                try answer(FieldReader(body: Array(body.readableBytesView)), context.parameters.get("id") ?? "")
            }
        }
    }

    private static func response(_ answer: () throws(APIError) -> JSONValue) -> Response {
        do throws(APIError) {
            return .json(try answer())
        } catch {
            return .json(WireStyle.body(of: error), status: HTTPResponse.Status(code: error.status))
        }
    }

    // MARK: Bill and log

    /// `?all=true` shows also the machines that were never billed.
    private func ledger(_ query: Query) throws(APIError) -> JSONValue {
        let entries = self.host.withSimulator { simulator, now in
            simulator.ledger(at: now, includingUnbilled: query["all"] == "true")
        }
        let total = entries.reduce(0) { $0 + $1.amount }
        return ["machines": .array(entries.map(Self.json(of:))), "total_micro_usd": .integer(total)]
    }

    private static func json(of entry: LedgerEntry) -> JSONValue {
        [
            "id": .string(entry.id), "name": .string(entry.name), "product_id": .string(entry.productID),
            "billing_mode": .string(entry.billingMode.rawValue), "gpu_count": .integer(Int64(entry.gpuCount)),
            "created": .integer(entry.created.unixSeconds), "released": entry.released.map { .integer($0.unixSeconds) } ?? .null,
            "metered": .bool(entry.isMetered), "billed_seconds": .integer(entry.billedSeconds), "amount_micro_usd": .integer(entry.amount),
        ]
    }

    /// `?limit=` the latest so many.
    private func requests(_ query: Query) throws(APIError) -> JSONValue {
        guard let limit = query["limit"].map({ Int($0) }) ?? Self.requestsShown, limit >= 0 else {
            throw .invalid("limit", "expected a number of requests")
        }
        let log = self.host.withSimulator { simulator, _ in simulator.requests }
        let counts = Endpoint.allCases.map { endpoint -> JSONValue in
            [
                "method": .string(endpoint.method), "path": .string(endpoint.fullPath), "count": .integer(Int64(log.count(of: endpoint))),
            ]
        }
        return [
            "total": .integer(Int64(log.total)), "counts": .array(counts),
            "requests": .array(log.records.suffix(limit).map(Self.json(of:))),
        ]
    }

    private static func json(of record: RequestRecord) -> JSONValue {
        [
            "sequence": .integer(Int64(record.sequence)), "time_ms": .integer(record.time.microseconds / 1000),
            "method": .string(record.method), "path": .string(record.path), "subject": .string(record.subject),
            "request_id": .string(record.requestID), "traceparent": .string(record.traceParent),
            "status": record.status.map { .integer(Int64($0)) } ?? .null,
            "fault": record.fault.map(JSONValue.string) ?? .null,
        ]
    }

    // MARK: Faults

    private func armFault(_ body: FieldReader) throws(APIError) -> JSONValue {
        let fault = try Fault(reading: body)
        let id = try self.host.withSimulator { simulator, _ throws(APIError) in
            guard simulator.armedFaults.count < Self.faultsMax else { throw .invalid("kind", "\(Self.faultsMax) faults are armed already") }
            return simulator.arm(fault)
        }
        return ["id": .integer(Int64(id))]
    }

    private func faults() -> JSONValue {
        let armed = self.host.withSimulator { simulator, _ in simulator.armedFaults }
        let list = armed.map { armed -> JSONValue in
            [
                "id": .integer(Int64(armed.id)), "kind": .string(armed.fault.effect.name),
                "method": armed.fault.method.map(JSONValue.string) ?? "*", "path": armed.fault.path.map(JSONValue.string) ?? "*",
                "remaining": armed.fault.remaining.map { .integer(Int64($0)) } ?? .null, "probability": .number(armed.fault.probability),
                "strikes": .integer(Int64(armed.strikes)),
            ]
        }
        return ["faults": .array(list)]
    }

    // MARK: Stock and prices

    private func stock() -> JSONValue {
        let free = self.host.withSimulator { simulator, _ in simulator.freeStock.map { ($0.pool, $0.free) } }
        let list = free.map { pool, free -> JSONValue in
            [
                "cluster_id": .string(pool.clusterID), "product_id": .string(pool.productID), "spot": .bool(pool.isSpot),
                "free": .integer(Int64(free)),
            ]
        }
        return ["stock": .array(list)]
    }

    /// Sets every pool that fits; `cluster_id`, `product_id` and `spot` may each be left out.
    private func setStock(_ body: FieldReader) throws(APIError) -> JSONValue {
        try body.expectOnly(["cluster_id", "product_id", "spot", "free"])
        guard let free = try body.integer("free", in: 0...1_000_000) else { throw .invalid("free", "required") }
        let product = body.has("product_id") ? try body.string("product_id") : nil
        let cluster = body.has("cluster_id") ? try body.string("cluster_id") : nil
        let isSpot = body.has("spot") ? try body.bool("spot") : nil
        let changed = self.host.withSimulator { simulator, now in
            simulator.setStock(free, productID: product, clusterID: cluster, isSpot: isSpot, at: now)
        }
        guard changed > 0 else { throw .invalid("product_id", "no pool fits this product, cluster and kind") }
        return ["changed": .integer(Int64(changed))]
    }

    /// In 1/100 000 USD per GPU and hour, as the API has it.
    private func setPrice(_ body: FieldReader) throws(APIError) -> JSONValue {
        try body.expectOnly(["product_id", "price", "spot_price"])
        let product = try body.string("product_id")
        let price = try body.integer("price", in: 0...100_000_000).map { Int64($0) }
        let spotPrice = try body.integer("spot_price", in: 0...100_000_000).map { Int64($0) }
        try self.host.withSimulator { simulator, _ throws(APIError) in
            try simulator.setPrice(ofProduct: product, price: price, spotPrice: spotPrice)
        }
        return [:]
    }

    // MARK: Lists

    private func setPageCap(_ body: FieldReader) throws(APIError) -> JSONValue {
        try body.expectOnly(["page_cap"])
        guard let cap = try body.integer("page_cap", in: 1...10_000) else { throw .invalid("page_cap", "required") }
        self.host.withSimulator { simulator, _ in simulator.setPageSizeMax(cap) }
        return [:]
    }

    // MARK: Clock

    private func adjustClock(_ body: FieldReader) throws(APIError) -> JSONValue {
        try body.expectOnly(["advance_seconds", "speed"])
        let seconds = try body.number("advance_seconds", in: 0...Self.advanceSecondsMax) ?? 0
        let speed = try body.number("speed", in: 0...VirtualClock.speedMax)
        return Self.json(of: self.host.adjustClock(advance: .seconds(seconds), speed: speed))
    }

    private static func json(of clock: (now: SimulatorTime, speed: Double)) -> JSONValue {
        ["now_ms": .integer(clock.now.microseconds / 1000), "speed": .number(clock.speed)]
    }

    private func reset(_ body: FieldReader) throws(APIError) -> JSONValue {
        try body.expectOnly(["seed"])
        let seed = try body.integer("seed", in: 0...Int.max)
        self.host.reset(seed: seed.map { UInt64($0) })
        return [:]
    }

    // MARK: Machines

    private func notifySpot(_ body: FieldReader, id: String) throws(APIError) -> JSONValue {
        try body.expectOnly(["notice_seconds"])
        let notice = try body.number("notice_seconds", in: 0...Self.advanceSecondsMax).map { Duration.seconds($0) }
        let planned = try self.host.withSimulator { simulator, now throws(APIError) in
            try simulator.notifySpot(id, notice: notice, at: now)
        }
        return ["reclaim_time_ms": .integer(planned.microseconds / 1000)]
    }

    private func reclaimSpot(_ body: FieldReader, id: String) throws(APIError) -> JSONValue {
        try body.expectOnly([])
        try self.host.withSimulator { simulator, now throws(APIError) in try simulator.reclaimSpot(id, at: now) }
        return [:]
    }

    /// With `silent` there is no error in the record: a machine that is being made is just stuck.
    private func failInstance(_ body: FieldReader, id: String) throws(APIError) -> JSONValue {
        try body.expectOnly(["message", "silent"])
        let text = try body.string("message")
        let message = try body.bool("silent") ? nil : text.isEmpty ? "the instance failed" : text
        try self.host.withSimulator { simulator, now throws(APIError) in try simulator.failInstance(id, message: message, at: now) }
        return [:]
    }

    private func vanishInstance(_ body: FieldReader, id: String) throws(APIError) -> JSONValue {
        try body.expectOnly([])
        try self.host.withSimulator { simulator, now throws(APIError) in try simulator.vanishInstance(id, at: now) }
        return [:]
    }

    /// Percent, from now on.
    private func setLoad(_ body: FieldReader, id: String) throws(APIError) -> JSONValue {
        try body.expectOnly(["gpu", "cpu", "memory"])
        let usual = MachineLoad()
        let load = MachineLoad(
            gpu: try body.number("gpu", in: 0...100) ?? usual.gpu, cpu: try body.number("cpu", in: 0...100) ?? usual.cpu,
            memory: try body.number("memory", in: 0...100) ?? usual.memory)
        try self.host.withSimulator { simulator, now throws(APIError) in try simulator.setLoad(load, of: id, at: now) }
        return [:]
    }

    private func armMishap(_ body: FieldReader) throws(APIError) -> JSONValue {
        try body.expectOnly(["kind", "instance_id", "times"])
        guard let kind = Mishap.Kind(rawValue: try body.string("kind")) else {
            throw .invalid("kind", "expected one of \(Mishap.Kind.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let id = body.has("instance_id") ? try body.string("instance_id") : nil
        let times = try body.integer("times", in: 1...1_000_000) ?? 1
        self.host.withSimulator { simulator, _ in simulator.arm(Mishap(kind, machineID: id, times: times)) }
        return [:]
    }
}
