internal import ArgumentParser
internal import CivilTime
internal import NovitaiProto
internal import ProtobufWire

struct InstanceAccess: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssh",
        abstract: "Show the ways into a machine, with their passwords, and where its logs are. Stands in the audit log.",
        aliases: ["access"])

    @Argument(help: "An id or a name.")
    var instance: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.GetInstanceAccessRequest()
        request.id = self.instance
        let access = try await self.connection.withChannel { channel in
            try await NovitaiV1.InstanceServiceClient(channel).getInstanceAccess(request, options: try self.connection.call)
        }
        self.connection.output.print(access) {
            var table = Table("WAY", "VALUE")
            let rows = [
                ("ssh", access.sshCommand), ("ssh password", access.sshPassword), ("jupyter", access.jupyterUrl),
                ("terminal", access.terminalUrl), ("terminal user", access.terminalUser), ("terminal password", access.terminalPassword),
                ("system log", access.systemLogUrl), ("instance log", access.instanceLogUrl),
            ]
            for (way, value) in rows where !value.isEmpty { table.add(way, value) }
            for endpoint in access.endpoints { table.add("port \(endpoint.port)", endpoint.address) }
            return table.text
        }
    }
}

struct InstanceMetrics: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Show how busy a machine was, in percent of what it has.")

    @Argument(help: "An id or a name.")
    var instance: String
    @Option(help: "Minutes back from now.")
    var minutes: Int = 60
    @Option(help: "Seconds between two points; chosen by the server when none are given.")
    var interval: Int?
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard (1...43_200).contains(self.minutes) else { throw ValidationError("--minutes takes 1 to 43200") }
        guard self.interval.map({ (15...86_400).contains($0) }) ?? true else { throw ValidationError("--interval takes 15 to 86400") }
    }

    func run() async throws {
        let metrics = try await self.connection.withChannel { channel in
            let client = NovitaiV1.InstanceServiceClient(channel)
            var request = NovitaiV1.GetInstanceMetricsRequest()
            request.id = self.instance
            request.interval = self.interval.map { Self.duration(seconds: $0) }
            request.span = Self.duration(seconds: self.minutes * 60)
            return try await client.getInstanceMetrics(request, options: try self.connection.call)
        }
        self.connection.output.print(metrics) { Self.text(metrics) }
    }

    private static func text(_ metrics: NovitaiV1.GetInstanceMetricsResponse) -> String {
        let gpu = Self.values(metrics.gpu?.average ?? [])
        let others = [metrics.gpuMemory?.average, metrics.cpu?.points, metrics.memory?.points, metrics.rootDisk?.points].map {
            Self.values($0 ?? [])
        }
        let times = Set(gpu.keys).union(others.flatMap(\.keys)).sorted()
        guard !times.isEmpty else { return "nothing was measured" }
        var table = Table("TIME", "GPU %", "GPU MEMORY %", "CPU %", "MEMORY %", "DISK %")
        for time in times {
            let cells = ([gpu] + others).map { $0[time].map { String(Int($0.rounded())) } ?? "-" }
            table.add(RFC3339.text(seconds: time), cells[0], cells[1], cells[2], cells[3], cells[4])
        }
        return table.text + "\nread \((metrics.freshness?.fetchedAt).text)"
    }

    private static func duration(seconds: Int) -> GoogleProtobuf.Duration {
        var duration = GoogleProtobuf.Duration()
        duration.seconds = Int64(seconds)
        return duration
    }

    private static func values(_ points: [NovitaiV1.MetricPoint]) -> [Int64: Double] {
        Dictionary(points.compactMap { point in point.time.map { ($0.seconds, point.percent) } }) { first, _ in first }
    }
}
