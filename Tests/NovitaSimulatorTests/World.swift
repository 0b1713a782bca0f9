import NovitaSimulator

/// A simulator with a clock of its own that moves only when told.
struct World {
    static let epoch = SimulatorTime(unixSeconds: 1_767_225_600)

    var simulator: NovitaSimulator
    var now = Self.epoch

    init(seed: UInt64 = 1, _ configure: (inout SimulatorConfiguration) -> Void = { _ in }) {
        var configuration = SimulatorConfiguration()
        // One pulling time for all images, so that tests can count seconds.
        configuration.timings.pulling = .seconds(30) ... .seconds(30)
        configuration.timings.stopping = .seconds(9) ... .seconds(9)
        configure(&configuration)
        self.simulator = NovitaSimulator(configuration: configuration, seed: seed, startingAt: Self.epoch)
    }

    static func request(_ name: String = "job-1", _ change: (inout CreateRequest) -> Void = { _ in }) -> CreateRequest {
        var request = CreateRequest(name: name, productID: "4090.16c62g", imageURL: "myteam/trainer:1.4")
        request.ports = "8080/http,22/tcp"
        change(&request)
        return request
    }

    mutating func pass(_ duration: Duration) {
        self.now = self.now + duration
        self.simulator.advance(to: self.now)
    }

    mutating func create(_ request: CreateRequest = Self.request()) throws -> String {
        try self.simulator.createInstance(request, at: self.now)
    }

    /// Creates a machine and waits until it runs.
    mutating func createRunning(_ request: CreateRequest = Self.request()) throws -> String {
        let id = try self.create(request)
        self.pass(.seconds(36))
        return id
    }

    mutating func get(_ id: String) throws -> Machine {
        try self.simulator.getInstance(id, at: self.now)
    }

    mutating func status(_ id: String) throws -> InstanceStatus {
        try self.get(id).status
    }

    mutating func list(_ query: InstanceQuery = InstanceQuery()) throws -> InstancePage {
        try self.simulator.listInstances(query, at: self.now)
    }

    /// The only entry of the bill.
    mutating func bill() throws -> LedgerEntry {
        let entries = self.simulator.ledger(at: self.now, includingUnbilled: true)
        guard let entry = entries.first, entries.count == 1 else { throw WrongCount(count: entries.count) }
        return entry
    }

    mutating func call(_ operation: Operation) -> Exchange {
        self.simulator.call(operation, at: self.now)
    }
}

struct WrongCount: Error {
    var count: Int
}

extension Exchange {
    var error: APIError? {
        if case .answered(.failure(let error)) = self.outcome { return error }
        return nil
    }

    var reply: Reply? {
        if case .answered(.success(let reply)) = self.outcome { return reply }
        return nil
    }

    var createdID: String? {
        if case .created(let id)? = self.reply { return id }
        return nil
    }

    var page: InstancePage? {
        if case .instances(let page)? = self.reply { return page }
        return nil
    }

    var isClosed: Bool {
        if case .connectionClosed = self.outcome { return true }
        return false
    }
}
