internal import NovitaSimulator

/// Templates, credentials, volumes, networks and prewarmed images, as the API words them.
extension WireStyle {
    /// The body of a successful answer.
    func body(of reply: ResourceReply) -> String {
        switch reply {
        case .templates(let templates, let page, let total):
            return self.object([
                .init("template", .array(templates.map(self.json(of:)))), .init("pageSize", self.long(page.size ?? 10)),
                .init("pageNum", self.long(page.number ?? 1)), .init("total", self.total(total)),
            ])
        case .template(let template): return self.object([.init("template", self.json(of: template))])
        case .templateID(let id): return self.object([.init("templateId", .string(id))])
        case .credentials(let credentials): return self.object([.init("data", .array(credentials.map(Self.json(of:))))])
        case .storages(let storages, let total):
            // The one list that is null when it is empty.
            let data = storages.isEmpty ? JSONValue.null : .array(storages.map { self.json(of: $0.storage, in: $0.cluster) })
            return self.object([.init("data", data), .init("total", self.total(total))])
        case .storage(let storage):
            if self.usesDocumentedNumbers { return JSONValue.string(storage.id).text }
            return self.object([
                .init("storageId", .string(storage.id)), .init("storageName", .string(storage.name)),
                .init("storageSize", .integer(Int64(storage.size))),
            ])
        case .networks(let networks, let total):
            return self.object([.init("networks", .array(networks.map(self.json(of:)))), .init("total", self.total(total))])
        case .network(let network): return self.object([.init("network", .array([self.json(of: network)]))])
        case .prewarms(let tasks, let total):
            return self.object([
                .init("data", .array(tasks.map { self.json(of: $0.task, in: $0.cluster) })), .init("total", self.total(total)),
            ])
        case .prewarmID(let id): return self.object([.init("id", .string(id))])
        case .prewarmQuota(let total, let limit, let imageSizeMax):
            return self.object([
                .init("total", self.long(total)), .init("limit", self.long(limit)), .init("perImageSize", self.long(imageSizeMax)),
            ])
        case .done: return self.hasEmptyBodies ? "" : "{}"
        }
    }

    /// A call that makes a network answers it only by the documentation; the world's answer has no id.
    func bodyOfNewNetwork(_ reply: ResourceReply) -> String {
        self.usesDocumentedNumbers ? self.body(of: reply) : "{}"
    }

    private func object(_ members: [JSONValue.Member]) -> String { JSONValue.object(members).text }

    private func json(of template: Template) -> JSONValue {
        [
            "Id": .string(template.id), "name": .string(template.name), "readme": .string(template.readme),
            "type": .string(template.type), "channel": .string(template.channel), "image": .string(template.image),
            "imageAuth": .string(template.imageAuth), "startCommand": .string(template.startCommand),
            "rootfsSize": .integer(Int64(template.rootfsSize)), "volumes": [], "ports": Self.grouped(template.ports),
            "envs": .array(template.environment.map { ["key": .string($0.key), "value": .string($0.value)] }), "tools": [],
            "minCudaVersion": .string(template.minCudaVersion), "user": "9d1f0000-0000-4000-8000-000000000001",
            "createdAt": Self.seconds(template.createdAt), "updatedAt": Self.seconds(template.createdAt), "isUsed": false,
            "collectNum": self.long(0),
        ]
    }

    /// Ports of one kind stand together here, unlike anywhere else.
    private static func grouped(_ ports: [ExposedPort]) -> JSONValue {
        let kinds: [ExposedPort.Kind] = [.http, .tcp]
        return .array(
            kinds.compactMap { kind in
                let numbers = ports.filter { $0.kind == kind }.map { JSONValue.integer(Int64($0.number)) }
                return numbers.isEmpty ? nil : ["type": .string(kind.rawValue), "ports": .array(numbers)]
            })
    }

    private static func json(of credential: RegistryCredential) -> JSONValue {
        [
            "id": .string(credential.id), "name": .string(credential.name), "username": .string(credential.username),
            "password": .string(credential.password),
        ]
    }

    private func json(of storage: NetworkStorage, in cluster: Cluster) -> JSONValue {
        [
            "storageId": .string(storage.id), "storageName": .string(storage.name), "storageSize": .integer(Int64(storage.size)),
            "clusterId": .string(cluster.id), "clusterName": .string(cluster.name), "price": self.long(storage.size * 2),
        ]
    }

    private func json(of view: NetworkView) -> JSONValue {
        let network = view.network
        return [
            "Id": .string(network.id), "user": "9d1f0000-0000-4000-8000-000000000001", "name": .string(network.name),
            "state": ["state": view.isReady ? "ready" : "creating", "error": ""], "segment": .string(network.segment),
            "clusterId": .string(network.clusterID),
            "Addresses": .array(view.addresses.map { ["Id": .string($0.machineID), "Ip": .string($0.ip)] }),
            "createTime": Self.seconds(network.createdAt),
        ]
    }

    private func json(of task: ImagePrewarm, in cluster: Cluster) -> JSONValue {
        [
            "id": .string(task.id), "imageName": .string(String(task.imageURL.split(separator: "/").last ?? "")),
            "imageUrl": .string(task.imageURL), "repositoryAuth": .string(task.repositoryAuth), "clusterId": .string(cluster.id),
            "clusterName": .string(cluster.name),
            "products": .array(task.productIDs.map { ["productId": .string($0), "productName": .string($0)] }),
            "imageSize": self.long(task.state == .succeeded ? 4_831_838_208 : 0), "createTime": Self.seconds(task.createdAt),
            "completeTime": Self.seconds(task.completedAt), "state": .string(task.state.rawValue), "note": .string(task.note),
            "reason": [],
        ]
    }
}
