/// Templates, registry credentials, network volumes, private networks and prewarmed images.
extension NovitaSimulator {
    /// Networks that one account may have in a cluster.
    private static let networksMax = 5
    /// Prewarm tasks, and GB of one image.
    private static let prewarmsMax = 5
    private static let prewarmedImageMax = 100
    private static let idAlphabet = Array("0123456789abcdef")

    mutating func perform(_ call: ResourceCall) throws(APIError) -> ResourceReply {
        switch call {
        case .listTemplates(let query): return try self.templates(query)
        case .getTemplate(let id): return .template(self.resources.templates[try self.templateIndex(id)])
        case .createTemplate(let template): return try self.createTemplate(template)
        case .updateTemplate(let id, let template): return try self.updateTemplate(id, template)
        case .deleteTemplate(let id): return try self.deleteTemplate(id)
        case .listCredentials: return .credentials(self.resources.credentials)
        case .saveCredential(let name, let username, let password): return try self.saveCredential(name, username, password)
        case .deleteCredential(let id): return try self.deleteCredential(id)
        case .listStorages(let query): return try self.storages(query)
        case .createStorage(let clusterID, let name, let size): return try self.createStorage(clusterID, name, size)
        case .updateStorage(let id, let name, let size): return try self.updateStorage(id, name, size)
        case .deleteStorage(let id): return try self.deleteStorage(id)
        case .listNetworks(let name, let page): return try self.networks(name, page)
        case .getNetwork(let id): return .network(self.view(of: self.resources.networks[try self.networkIndex(id)]))
        case .createNetwork(let clusterID, let name): return try self.createNetwork(clusterID, name)
        case .updateNetwork(let id, let name): return try self.updateNetwork(id, name)
        case .deleteNetwork(let id): return try self.deleteNetwork(id)
        case .listPrewarms(let query): return try self.prewarms(query)
        case .createPrewarm(let request): return try self.createPrewarm(request)
        case .editPrewarm(let id, let note):
            self.resources.prewarms[try self.prewarmIndex(id)].note = note
            return .done
        case .deletePrewarms(let ids): return try self.deletePrewarms(ids)
        case .getPrewarmQuota:
            return .prewarmQuota(total: self.resources.prewarms.count, limit: Self.prewarmsMax, imageSizeMax: Self.prewarmedImageMax)
        }
    }

    // MARK: Templates

    /// A new one shows only after a while; it can be read by its id at once.
    private func templates(_ query: TemplateQuery) throws(APIError) -> ResourceReply {
        let shownUntil = self.now - self.configuration.timings.templateListLag
        let matching = self.resources.templates.filter { template in
            template.createdAt <= shownUntil && (query.type.isEmpty || template.type == query.type)
                && (query.channels.isEmpty || query.channels.contains(template.channel))
                && (query.name.isEmpty || template.name.lowercased().contains(query.name.lowercased()))
        }
        return .templates(try query.page.slice(matching, self.configuration), page: query.page, total: matching.count)
    }

    private mutating func createTemplate(_ template: Template) throws(APIError) -> ResourceReply {
        try self.check(template)
        var template = template
        template.id = String(self.resources.nextTemplate)
        template.createdAt = self.now
        self.resources.nextTemplate += 1
        self.resources.templates.append(template)
        return .templateID(template.id)
    }

    private mutating func updateTemplate(_ id: String, _ template: Template) throws(APIError) -> ResourceReply {
        let index = try self.ownTemplateIndex(id)
        try self.check(template)
        var template = template
        (template.id, template.createdAt) = (id, self.resources.templates[index].createdAt)
        self.resources.templates[index] = template
        return .templateID(id)
    }

    private mutating func deleteTemplate(_ id: String) throws(APIError) -> ResourceReply {
        self.resources.templates.remove(at: try self.ownTemplateIndex(id))
        return .templateID(id)
    }

    private func check(_ template: Template) throws(APIError) {
        try FieldRules.check(template.name, "template.name", length: 1...255)
        try FieldRules.check(template.image, "template.image", length: 1...500)
        try FieldRules.check(template.startCommand, "template.startCommand", length: 0...2047)
        try FieldRules.check(template.environment)
        try FieldRules.check(template.ports, tools: 0)
        try self.resources.checkCredential(template.imageAuth)
    }

    private func templateIndex(_ id: String) throws(APIError) -> Int {
        guard let index = self.resources.templates.firstIndex(where: { $0.id == id }) else { throw .templateNotFound }
        return index
    }

    private func ownTemplateIndex(_ id: String) throws(APIError) -> Int {
        let index = try self.templateIndex(id)
        guard self.resources.templates[index].channel == "private" else { throw .templateIsNotYours }
        return index
    }

    // MARK: Registry credentials

    /// Answers no id: it is to be found in the list.
    private mutating func saveCredential(_ name: String, _ username: String, _ password: String) throws(APIError) -> ResourceReply {
        try FieldRules.check(name, "name", length: 1...255)
        try FieldRules.check(username, "username", length: 1...500)
        try FieldRules.check(password, "password", length: 1...500)
        self.resources.credentials.append(
            RegistryCredential(id: self.makeUUID(), name: name, username: username, password: password))
        return .done
    }

    private mutating func deleteCredential(_ id: String) throws(APIError) -> ResourceReply {
        guard let index = self.resources.credentials.firstIndex(where: { $0.id == id }) else { throw .credentialNotFound }
        let isUsed = self.standingMachines.contains { $0.request.imageAuthID == id }
        guard !isUsed, !self.resources.templates.contains(where: { $0.imageAuth == id }) else { throw .credentialInUse }
        self.resources.credentials.remove(at: index)
        return .done
    }

    // MARK: Network volumes

    private func storages(_ query: StorageQuery) throws(APIError) -> ResourceReply {
        let matching = self.resources.storages.filter { storage in
            (query.id.isEmpty || storage.id == query.id)
                && (query.name.isEmpty || storage.name.lowercased().contains(query.name.lowercased()))
        }
        let page = try query.page.slice(matching, self.configuration)
        return .storages(
            page.compactMap { storage in self.catalogue.cluster(storage.clusterID).map { (storage, $0) } }, total: matching.count)
    }

    private mutating func createStorage(_ clusterID: String, _ name: String, _ size: Int) throws(APIError) -> ResourceReply {
        try FieldRules.check(name, "storageName", length: 1...255)
        guard (10...10_000).contains(size) else { throw .invalid("storageSize", "value must be inside range [10, 10000]") }
        guard let cluster = self.catalogue.cluster(clusterID) else { throw .invalid("clusterId", "no such cluster") }
        guard cluster.supportsNetworkStorage else { throw .storageNotSupported }
        guard self.balance().available > 0 else { throw .balanceNotEnough }
        let storage = NetworkStorage(id: self.makeUUID(), name: name, size: size, clusterID: clusterID)
        self.resources.storages.append(storage)
        return .storage(storage)
    }

    private mutating func updateStorage(_ id: String, _ name: String, _ size: Int) throws(APIError) -> ResourceReply {
        let index = try self.storageIndex(id)
        try FieldRules.check(name, "storageName", length: 1...255)
        guard (self.resources.storages[index].size...10_000).contains(size) else { throw .invalid("storageSize", "a volume can only grow") }
        self.resources.storages[index].name = name
        self.resources.storages[index].size = size
        return .done
    }

    private mutating func deleteStorage(_ id: String) throws(APIError) -> ResourceReply {
        let index = try self.storageIndex(id)
        guard !self.standingMachines.contains(where: { $0.request.networkStorages.contains { $0.id == id } }) else { throw .storageInUse }
        self.resources.storages.remove(at: index)
        return .done
    }

    private func storageIndex(_ id: String) throws(APIError) -> Int {
        guard let index = self.resources.storages.firstIndex(where: { $0.id == id }) else { throw .storageNotFound }
        return index
    }

    // MARK: Private networks

    private func networks(_ name: String, _ page: PageQuery) throws(APIError) -> ResourceReply {
        let matching = self.resources.networks.filter { name.isEmpty || $0.name.lowercased().contains(name.lowercased()) }
        return .networks(try page.slice(matching, self.configuration).map { self.view(of: $0) }, total: matching.count)
    }

    private mutating func createNetwork(_ clusterID: String, _ name: String) throws(APIError) -> ResourceReply {
        try FieldRules.check(name, "name", length: 0...30)
        guard let cluster = self.catalogue.cluster(clusterID), cluster.supportsInstanceNetwork else {
            throw .invalid("clusterId", "the cluster has no private networks")
        }
        let before = self.resources.networks.count { $0.clusterID == clusterID }
        guard before < Self.networksMax else { throw .networkLimit }
        let network = VPCNetwork(
            id: "vpc-" + self.generator.text(count: 8, of: Self.idAlphabet), name: name, clusterID: clusterID,
            segment: "10.2.\(before + 1).0/24", createdAt: self.now, readyAt: self.now + self.configuration.timings.networkCreating)
        self.resources.networks.append(network)
        return .network(self.view(of: network))
    }

    private mutating func updateNetwork(_ id: String, _ name: String) throws(APIError) -> ResourceReply {
        try FieldRules.check(name, "name", length: 1...30)
        self.resources.networks[try self.networkIndex(id)].name = name
        return .done
    }

    private mutating func deleteNetwork(_ id: String) throws(APIError) -> ResourceReply {
        let index = try self.networkIndex(id)
        guard !self.standingMachines.contains(where: { $0.request.networkID == id }) else { throw .networkInUse }
        self.resources.networks.remove(at: index)
        return .done
    }

    private func networkIndex(_ id: String) throws(APIError) -> Int {
        guard let index = self.resources.networks.firstIndex(where: { $0.id == id }) else { throw .networkNotFound }
        return index
    }

    private func view(of network: VPCNetwork) -> NetworkView {
        let members = self.standingMachines.filter { $0.request.networkID == network.id }
        let prefix = network.segment.split(separator: ".").prefix(3).joined(separator: ".")
        return NetworkView(
            network: network, isReady: network.readyAt <= self.now,
            addresses: members.enumerated().map { number, machine in (machine.id, "\(prefix).\(number + 4)") })
    }

    // MARK: Prewarmed images

    private func prewarms(_ query: PrewarmQuery) throws(APIError) -> ResourceReply {
        let matching = self.resources.prewarms.filter { task in
            (query.state.isEmpty || task.state.rawValue == query.state) && (query.clusterID.isEmpty || task.clusterID == query.clusterID)
                && (query.name.isEmpty || task.imageURL.lowercased().contains(query.name.lowercased()))
        }
        let page = try query.page.slice(matching, self.configuration)
        return .prewarms(page.compactMap { task in self.catalogue.cluster(task.clusterID).map { (task, $0) } }, total: matching.count)
    }

    private mutating func createPrewarm(_ request: PrewarmRequest) throws(APIError) -> ResourceReply {
        try FieldRules.check(request.imageURL, "imageUrl", length: 1...500)
        guard self.catalogue.cluster(request.clusterID) != nil else { throw .invalid("clusterId", "no such cluster") }
        for id in request.productIDs where self.catalogue.product(id) == nil { throw .productNotFound }
        guard self.resources.prewarms.count < Self.prewarmsMax else { throw .operationLimit }
        let task = ImagePrewarm(
            id: self.makeUUID(), imageURL: request.imageURL, repositoryAuth: request.repositoryAuth, clusterID: request.clusterID,
            productIDs: request.productIDs, note: request.note, createdAt: self.now)
        self.resources.prewarms.append(task)
        self.timeline.schedule(.prewarm(id: task.id), at: self.now + self.configuration.timings.prewarmPending)
        return .prewarmID(task.id)
    }

    private mutating func deletePrewarms(_ ids: [String]) throws(APIError) -> ResourceReply {
        guard !ids.isEmpty else { throw .invalid("ids", "must have at least 1 item") }
        for id in ids { self.resources.prewarms.remove(at: try self.prewarmIndex(id)) }
        return .done
    }

    private func prewarmIndex(_ id: String) throws(APIError) -> Int {
        guard let index = self.resources.prewarms.firstIndex(where: { $0.id == id }) else { throw .prewarmNotFound }
        return index
    }

    /// From pending to running, from running to its end.
    mutating func moveOn(prewarm id: String) {
        guard let index = self.resources.prewarms.firstIndex(where: { $0.id == id }) else { return }
        switch self.resources.prewarms[index].state {
        case .pending:
            self.resources.prewarms[index].state = .running
            self.timeline.schedule(.prewarm(id: id), at: self.now + self.configuration.timings.prewarming)
        case .running:
            self.resources.prewarms[index].state = .succeeded
            self.resources.prewarms[index].completedAt = self.now
        case .succeeded, .failed: break
        }
    }

    // MARK: Parts

    private var standingMachines: [Machine] {
        self.machines.indices.map { self.machines[$0] }.filter { $0.status != .removed }
    }

    private mutating func makeUUID() -> String {
        [8, 4, 4, 4, 12].map { self.generator.text(count: $0, of: Self.idAlphabet) }.joined(separator: "-")
    }
}
