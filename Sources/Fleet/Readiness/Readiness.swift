/// How a port is asked whether the program behind it is ready: HTTP by a request, TCP by a connection.
package struct PortProbe: Hashable, Sendable, Codable {
    /// Of the request; empty is `/`.
    package var path: String
    /// Statuses that are healthy; empty is 200 to 399. A page that asks for a login may be as good an answer as any.
    package var expectedStatuses: [Int]
    /// Shown, but readiness does not wait for it.
    package var isOptional: Bool

    package init(path: String = "", expectedStatuses: [Int] = [], isOptional: Bool = false) {
        self.path = path
        self.expectedStatuses = expectedStatuses
        self.isOptional = isOptional
    }

    package func accepts(_ status: Int) -> Bool {
        self.expectedStatuses.isEmpty ? (200...399).contains(status) : self.expectedStatuses.contains(status)
    }
}

/// When the ports that are asked make an instance ready.
package struct ReadinessRule: Hashable, Sendable, Codable {
    /// Good answers in a row that make a port healthy.
    package var consecutiveSuccesses: Int
    /// How many of the required ports must be healthy, in percent.
    package var thresholdPercent: Int

    package static let standard = ReadinessRule(consecutiveSuccesses: 1, thresholdPercent: 100)

    package init(consecutiveSuccesses: Int, thresholdPercent: Int) {
        self.consecutiveSuccesses = consecutiveSuccesses
        self.thresholdPercent = thresholdPercent
    }
}

/// What a port last answered.
package struct ProbeResult: Hashable, Sendable, Codable {
    package var port: Int
    /// Where it was asked: a result says nothing about another address.
    package var address: String
    package var isHealthy: Bool
    package var latency: Duration
    /// For people: the status, or why there was none.
    package var detail: String
    package var checkedAt: Timestamp

    package init(port: Int, address: String, isHealthy: Bool, latency: Duration, detail: String, checkedAt: Timestamp) {
        self.port = port
        self.address = address
        self.isHealthy = isHealthy
        self.latency = latency
        self.detail = detail
        self.checkedAt = checkedAt
    }
}

/// One port that is to be asked.
package struct ProbeTarget: Hashable, Sendable {
    package var endpoint: Endpoint
    package var probe: PortProbe

    package init(endpoint: Endpoint, probe: PortProbe) {
        self.endpoint = endpoint
        self.probe = probe
    }
}

extension Instance {
    /// Ports that are asked now: those of a running machine that have an address.
    package var probeTargets: [ProbeTarget] {
        guard self.state == .running else { return [] }
        return self.spec.ports.compactMap { port in
            guard let probe = port.probe, let endpoint = self.endpoints.first(where: { $0.port == port.port }) else { return nil }
            return ProbeTarget(endpoint: endpoint, probe: probe)
        }
    }

    /// Every port of the spec has an endpoint.
    var hasEndpoints: Bool { self.spec.ports.allSatisfy { port in self.endpoints.contains { $0.port == port.port } } }

    /// Running, reachable, and healthy as far as somebody asked for that to be found out.
    mutating func judgeReadiness() {
        if self.state == .running {
            let addresses = Set(self.endpoints.map(\.address))
            let kept = (self.probes ?? []).filter { addresses.contains($0.address) }
            self.probes = kept.isEmpty ? nil : kept
        } else {
            self.probes = nil
        }
        self.readiness = self.state == .running && self.hasEndpoints && self.isHealthyEnough ? .ready : .notReady
    }

    private var isHealthyEnough: Bool {
        let required = self.requiredPorts
        let healthy = required.count { self.result(of: $0)?.isHealthy == true }
        return healthy * 100 >= required.count * (self.spec.readiness ?? .standard).thresholdPercent
    }

    private var requiredPorts: [Int] {
        self.spec.ports.filter { $0.probe.map { !$0.isOptional } ?? false }.map(\.port)
    }

    private func result(of port: Int) -> ProbeResult? { self.probes?.first { $0.port == port } }

    /// Takes over what a port answered, and what follows for the whole.
    package mutating func note(_ result: ProbeResult) {
        guard self.endpoints.contains(where: { $0.port == result.port && $0.address == result.address }) else { return }
        var results = (self.probes ?? []).filter { $0.port != result.port }
        results.append(result)
        self.probes = results.sorted { $0.port < $1.port }
        self.judgeReadiness()
    }

    /// For people; empty for one that is ready.
    package var notReadyReason: String {
        if self.readiness == .ready { return "" }
        guard self.state == .running else { return "the machine is \(self.state.rawValue)" }
        let missing = self.spec.ports.filter { port in !self.endpoints.contains { $0.port == port.port } }.map { "\($0.port)" }
        if !missing.isEmpty { return "no address yet for port \(missing.joined(separator: ", "))" }
        return self.requiredPorts.compactMap { port in
            guard let result = self.result(of: port) else { return "port \(port) has not been asked yet" }
            return result.isHealthy ? nil : "port \(port): \(result.detail)"
        }.joined(separator: "; ")
    }
}
