package import NovitaSimulator

/// How the API words its answers where the world and the documentation differ. The defaults are the world's.
package struct WireStyle: Sendable {
    /// Write 64-bit numbers as numbers, as the documentation has them, and not as text.
    package var usesDocumentedNumbers = false
    /// Write `total` of a list as text.
    package var writesTotalAsString = false
    /// Answer a delete, and other changes, with an empty body and not with `{}`.
    package var hasEmptyBodies = false
    /// Leave the state of spot out of lists.
    package var listsOmitSpot = false
    /// Leave the addresses of ports out of lists.
    package var listsOmitEndpoints = false
    /// Write members that no documentation knows.
    package var hasUnknownFields = false
    /// Say `pending`, which the documentation does not know, for a machine that has just been asked for.
    package var saysPending = false

    package init() {}

    /// The body of a successful answer; empty text is an empty body.
    package func body(of reply: Reply) -> String {
        switch reply {
        case .clusters(let clusters, let offered):
            return JSONValue.object([.init("data", .array(clusters.map { Self.json(of: $0, offered: offered[$0.id] ?? []) }))]).text
        case .cpuProducts(let offers): return JSONValue.object([.init("data", .array(offers.map(self.jsonOfCPU)))]).text
        case .products(let offers): return JSONValue.object([.init("data", .array(offers.map(self.json(of:))))]).text
        case .created(let id): return JSONValue.object([.init("id", .string(id))]).text
        case .instances(let page): return self.json(of: page).text
        case .instance(let machine): return self.detail(of: machine).text
        case .accepted(let id, let status):
            return JSONValue.object([.init("instanceId", .string(id)), .init("state", .string(status.rawValue))]).text
        case .jobs(let jobs, let total): return self.json(of: jobs, total: total).text
        case .job(let id): return JSONValue.object([.init("jobId", .string(id))]).text
        case .metrics(let series): return self.json(of: series).text
        case .resource(let reply): return self.body(of: reply)
        case .bills(let bills): return self.json(of: bills).text
        case .empty, .done: return self.hasEmptyBodies ? "" : "{}"
        case .balance(let balance): return Self.json(of: balance).text
        }
    }

    package static func body(of error: APIError) -> String {
        let json: JSONValue = [
            "code": .integer(Int64(error.status)), "reason": .string(error.reason), "message": .string(error.message), "metadata": [:],
        ]
        return json.text
    }

    // MARK: Parts

    func long(_ value: Int64) -> JSONValue {
        self.usesDocumentedNumbers ? .integer(value) : .string(String(value))
    }

    func long(_ value: Int) -> JSONValue {
        self.long(Int64(value))
    }

    static func seconds(_ time: SimulatorTime?) -> JSONValue {
        .string(String(time?.unixSeconds ?? 0))
    }

    private static func json(of cluster: Cluster, offered: [String]) -> JSONValue {
        [
            "id": .string(cluster.id), "name": .string(cluster.name), "availableGpuType": .array(offered.map(JSONValue.string)),
            "supportNetworkStorage": .bool(cluster.supportsNetworkStorage),
            "supportInstanceNetwork": .bool(cluster.supportsInstanceNetwork),
        ]
    }

    private func json(of offer: ProductOffer) -> JSONValue {
        let product = offer.product
        let monthly = product.monthlyPrice.map { [["price": .string(String($0)), "month": 1]] as [JSONValue] }
        return [
            "id": .string(product.id), "name": .string(product.name), "cpuPerGpu": .integer(Int64(product.cpuPerGPU)),
            "memoryPerGpu": .integer(Int64(product.memoryPerGPU)), "diskPerGpu": .integer(Int64(product.diskPerGPU)),
            "availableDeploy": .bool(offer.isDeployable), "inventoryState": .string(offer.inventory.rawValue), "minRootFS": 10,
            "maxRootFS": .integer(Int64(product.maxRootFS)), "minLocalStorage": 0, "maxLocalStorage": .integer(Int64(product.maxRootFS)),
            "regions": .array(offer.regions.map(JSONValue.string)), "price": self.long(product.price),
            "spotPrice": .string(product.spotPrice.map { String($0) } ?? ""), "monthlyPrice": .array(monthly ?? []),
            "billingMethods": .array(product.billingModes.map { .string($0.rawValue) }),
        ]
    }

    func total(_ total: Int) -> JSONValue {
        self.writesTotalAsString ? .string(String(total)) : .integer(Int64(total))
    }

    private func json(of page: InstancePage) -> JSONValue {
        ["instances": .array(page.instances.map(self.summary(of:))), "total": self.total(page.total)]
    }

    /// As a list shows it: with the state of spot, without the ways in.
    private func summary(of machine: Machine) -> JSONValue {
        if self.listsOmitSpot { return .object(self.common(of: machine, isListed: true)) }
        return .object(
            self.common(of: machine, isListed: true) + [
                .init("spotStatus", .string(machine.spot?.status.rawValue ?? "")),
                .init("spotReclaimTime", Self.seconds(machine.spot?.reclaimTime)),
            ])
    }

    /// As a read of one shows it: with the ways in, without the state of spot.
    private func detail(of machine: Machine) -> JSONValue {
        .object(
            self.common(of: machine, isListed: false) + [
                .init("network", ["id": .string(machine.request.networkID), "ip": ""]),
                .init("jobs", .array(machine.jobs.map { ["id": .string($0.id), "type": .string($0.kind.rawValue)] })),
                .init("node", [["maxRootfsSize": .integer(Int64(machine.product.maxRootFS))]]),
                .init("connectComponentSSH", Self.ssh(of: machine)),
                .init("connectComponentWebTerminal", ["address": "", "username": "", "password": "", "isRunning": false]),
                .init("connectComponentJupyter", nil), .init("connectComponentLog", Self.log(of: machine)),
                .init("freeStorageSize", 60), .init("keepDataDay", 7),
            ])
    }

    private func word(of status: InstanceStatus) -> String {
        self.saysPending && status == .toCreate ? "pending" : status.rawValue
    }

    private static func mounts(of machine: Machine) -> JSONValue {
        .array(
            machine.request.networkStorages.map {
                ["type": "network", "size": "0", "id": .string($0.id), "mountPath": .string($0.mountPoint)]
            })
    }

    private func common(of machine: Machine, isListed: Bool) -> [JSONValue.Member] {
        let request = machine.request
        let units = request.gpuCount
        let gpus = machine.product.isCPU ? 0 : units
        let extra: [JSONValue.Member] = self.hasUnknownFields ? [.init("novelty", ["depth": [1, nil, "x"]])] : []
        return extra + [
            .init("id", .string(machine.id)), .init("name", .string(machine.name)), .init("clusterId", .string(machine.cluster.id)),
            .init("clusterName", .string(machine.cluster.name)), .init("status", .string(self.word(of: machine.status))),
            .init(
                "statusError",
                [
                    "state": .string(machine.statusError?.state ?? ""), "message": .string(machine.statusError?.message ?? ""),
                ]), .init("imageUrl", .string(request.imageURL)), .init("imageAuthId", .string(request.imageAuthID)),
            .init("command", .string(request.command)), .init("entrypoint", .string(request.entrypoint)),
            .init("cpuNum", self.long(machine.product.cpuPerGPU * units)), .init("memory", self.long(machine.product.memoryPerGPU * units)),
            .init("gpuNum", self.long(gpus)), .init("productId", .string(machine.product.id)),
            .init("productName", .string(machine.product.name)), .init("rootfsSize", .integer(Int64(request.rootfsSize ?? 0))),
            .init("kind", .string(request.kind)), .init("billingMode", .string(machine.billingMode.rawValue)),
            .init("endTime", machine.endTime.map { Self.seconds($0) } ?? "-1"), .init("createdAt", Self.seconds(machine.createdAt)),
            .init("lastStartedAt", Self.seconds(machine.lastStartedAt)), .init("lastStoppedAt", Self.seconds(machine.lastStoppedAt)),
            .init(
                "portMappings",
                .array(machine.ports.map { Self.mapping(of: $0, on: machine, isHidden: isListed && self.listsOmitEndpoints) })),
            .init("volumeMounts", Self.mounts(of: machine)),
            .init("envs", .array(request.environment.map { ["key": .string($0.key), "value": .string($0.value)] })),
        ]
    }

    private static func mapping(of port: ExposedPort, on machine: Machine, isHidden: Bool) -> JSONValue {
        let number = JSONValue.integer(Int64(port.number))
        guard !isHidden else { return ["port": number, "type": .string(port.kind.rawValue)] }
        let domain = "\(machine.cluster.id).gpu-instance.novita.ai"
        let endpoint: String =
            switch (port.kind, machine.connection) {
            case (_, nil): ""
            case (.http, _?): "https://\(machine.id)-\(port.number).\(domain)"
            case (.tcp, let connection?): "proxy.\(domain):\(connection.tcpPorts[port] ?? 0)"
            }
        return ["port": number, "endpoint": .string(endpoint), "type": .string(port.kind.rawValue)]
    }

    private static func ssh(of machine: Machine) -> JSONValue {
        guard let connection = machine.connection else { return ["sshCommand": "", "password": "", "isRunning": false] }
        let host = "proxy.\(machine.cluster.id).gpu-instance.novita.ai"
        return [
            "sshCommand": .string("ssh -p \(connection.sshPort) root@\(host)"), "password": .string(connection.sshPassword),
            "isRunning": true,
        ]
    }

    private static func log(of machine: Machine) -> JSONValue {
        [
            "systemLogAddress": .string("https://logs.\(machine.cluster.id).gpu-instance.novita.ai/system/\(machine.id)"),
            "instanceLogAddress": .string("https://logs.\(machine.cluster.id).gpu-instance.novita.ai/instance/\(machine.id)"),
            "isRunning": .bool(machine.connection != nil),
        ]
    }

    /// The billing API counts in 1/10 000 USD, a tenth of what prices are given in.
    private static func json(of balance: Balance) -> JSONValue {
        func amount(_ microUSD: Int64) -> JSONValue { .string(String(microUSD / 100)) }
        return [
            "availableBalance": amount(balance.available), "cashBalance": amount(balance.cash), "creditLimit": amount(balance.creditLimit),
            "outstandingInvoices": amount(balance.outstanding),
        ]
    }
}
