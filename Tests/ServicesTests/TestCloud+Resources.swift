import Fleet
import Synchronization

/// The account's things in memory, with the provider's habits: names are not unique, an id may not be told, a reply may be lost.
extension TestCloud: CloudResources {
    struct Account: Sendable {
        var templates: [Template] = []
        var credentials: [RegistryCredential] = []
        var volumes: [NetworkVolume] = []
        var networks: [Network] = []
        var prewarms: [ImagePrewarm] = []
        /// Everything that was sent in a create, passwords included.
        var createCalls = 0
        var keptCaches: Set<CacheFacts.Name> = [.catalogue, .templates]
        var freshLists = 0
        var lists = 0
        /// What the next create calls end with; the thing is made all the same when `mayHaveTakenEffect`.
        var failures: [CloudError] = []
        /// A create tells no id.
        var hidesIDs = false
        /// What is made shows only after so many lists.
        var hiddenLists = 0
        /// Of the calls that deleted volumes.
        var deletePriorities: [CallPriority] = []
    }

    var caches: [CacheFacts] {
        let kept = self.state.withLock(\.account.keptCaches)
        return CacheFacts.Name.allCases.map { name in
            kept.contains(name)
                ? CacheFacts(name, fetchedAt: Timestamp(seconds: 1), expiresAt: Timestamp(seconds: 301), entryCount: 3, hits: 5, fetches: 2)
                : CacheFacts(name)
        }
    }
    func clearCache(_ name: CacheFacts.Name) { self.state.withLock { _ = $0.account.keptCaches.remove(name) } }

    private func list<Item: Sendable>(_ isFresh: Bool, _ items: (Account) -> [Item]) throws(CloudError) -> Fetched<[Item]> {
        self.state.withLock { state in
            state.account.lists += 1
            if isFresh { state.account.freshLists += 1 }
            defer { state.account.hiddenLists = max(0, state.account.hiddenLists - 1) }
            return Fetched(state.account.hiddenLists > 0 ? [] : items(state.account), fetchedAt: Timestamp(seconds: 1_800_000_000))
        }
    }

    private func make(_ add: (inout Account, String) -> Void) throws(CloudError) -> String? {
        let result: Result<String?, CloudError> = self.state.withLock { state in
            state.account.createCalls += 1
            let id = "r-\(state.account.createCalls)"
            let failure = state.account.failures.isEmpty ? nil : state.account.failures.removeFirst()
            if failure?.mayHaveTakenEffect ?? true { add(&state.account, id) }
            return failure.map { .failure($0) } ?? .success(state.account.hidesIDs ? nil : id)
        }
        return try result.get()
    }

    private func remove(_ change: (inout Account) -> Bool) throws(CloudError) {
        guard self.state.withLock({ change(&$0.account) }) else { throw CloudError(.notFound, "not found") }
    }

    func templates(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[Template]> { try self.list(isFresh, \.templates) }
    func template(_ id: TemplateID, call: CloudCall) async throws(CloudError) -> Template? {
        self.state.withLock { $0.account.templates.first { $0.id == id } }
    }
    func createTemplate(_ draft: TemplateDraft, call: CloudCall) async throws(CloudError) -> TemplateID {
        let id = try self.make {
            $0.templates.append(Template(id: TemplateID(rawValue: $1), content: draft, channel: "private", createdAt: nil))
        }
        return TemplateID(rawValue: id ?? "")
    }
    func updateTemplate(_ id: TemplateID, _ draft: TemplateDraft, call: CloudCall) async throws(CloudError) {
        try self.remove { account in
            guard let index = account.templates.firstIndex(where: { $0.id == id }) else { return false }
            account.templates[index].content = draft
            return true
        }
    }
    func deleteTemplate(_ id: TemplateID, call: CloudCall) async throws(CloudError) {
        try self.remove { $0.templates.removeFirst { $0.id == id } }
    }

    func registryCredentials(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[RegistryCredential]> {
        try self.list(isFresh, \.credentials)
    }
    func createRegistryCredential(_ draft: RegistryCredentialDraft, call: CloudCall) async throws(CloudError) -> RegistryCredentialID? {
        try self.make {
            $0.credentials.append(
                RegistryCredential(id: RegistryCredentialID(rawValue: $1), name: draft.name, username: draft.username))
        }.map(RegistryCredentialID.init(rawValue:))
    }
    func deleteRegistryCredential(_ id: RegistryCredentialID, call: CloudCall) async throws(CloudError) {
        try self.remove { $0.credentials.removeFirst { $0.id == id } }
    }

    func networkVolumes(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[NetworkVolume]> {
        try self.list(isFresh, \.volumes)
    }
    func createNetworkVolume(_ draft: NetworkVolumeDraft, call: CloudCall) async throws(CloudError) -> NetworkVolumeID? {
        try self.make {
            $0.volumes.append(NetworkVolume(id: NetworkVolumeID(rawValue: $1), content: draft, clusterName: "Somewhere"))
        }.map(NetworkVolumeID.init(rawValue:))
    }
    func updateNetworkVolume(_ id: NetworkVolumeID, name: String, sizeGB: Int, call: CloudCall) async throws(CloudError) {
        try self.remove { account in
            guard let index = account.volumes.firstIndex(where: { $0.id == id }) else { return false }
            (account.volumes[index].content.name, account.volumes[index].content.sizeGB) = (name, sizeGB)
            return true
        }
    }
    func deleteNetworkVolume(_ id: NetworkVolumeID, call: CloudCall) async throws(CloudError) {
        self.state.withLock { $0.account.deletePriorities.append(call.priority) }
        try self.remove { $0.volumes.removeFirst { $0.id == id } }
    }

    func networks(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[Network]> { try self.list(isFresh, \.networks) }
    func network(_ id: NetworkID, call: CloudCall) async throws(CloudError) -> Network? {
        self.state.withLock { $0.account.networks.first { $0.id == id } }
    }
    func createNetwork(_ draft: NetworkDraft, call: CloudCall) async throws(CloudError) -> NetworkID? {
        try self.make {
            $0.networks.append(
                Network(
                    id: NetworkID(rawValue: $1), content: draft, status: "ready", error: "", segment: "10.2.1.0/24",
                    members: [.init(machineID: UpstreamID(rawValue: "m1"), address: "10.2.1.4")], createdAt: nil))
        }.map(NetworkID.init(rawValue:))
    }
    func renameNetwork(_ id: NetworkID, to name: String, call: CloudCall) async throws(CloudError) {}
    func deleteNetwork(_ id: NetworkID, call: CloudCall) async throws(CloudError) {
        try self.remove { $0.networks.removeFirst { $0.id == id } }
    }

    func imagePrewarms(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[ImagePrewarm]> {
        try self.list(isFresh, \.prewarms)
    }
    func imagePrewarmQuota(call: CloudCall) async throws(CloudError) -> ImagePrewarmQuota {
        ImagePrewarmQuota(tasks: 0, tasksMax: 5, imageGBMax: 100)
    }
    func createImagePrewarm(_ draft: ImagePrewarmDraft, call: CloudCall) async throws(CloudError) -> ImagePrewarmID? {
        try self.make {
            $0.prewarms.append(
                ImagePrewarm(
                    id: ImagePrewarmID(rawValue: $1), content: draft, clusterName: "Somewhere", status: "Pending", error: "",
                    imageBytes: 0, createdAt: nil, completedAt: nil))
        }.map(ImagePrewarmID.init(rawValue:))
    }
    func annotateImagePrewarm(_ id: ImagePrewarmID, note: String, call: CloudCall) async throws(CloudError) {}
    func deleteImagePrewarm(_ id: ImagePrewarmID, call: CloudCall) async throws(CloudError) {
        try self.remove { $0.prewarms.removeFirst { $0.id == id } }
    }
}

extension Array {
    /// Answers whether there was one.
    fileprivate mutating func removeFirst(where fits: (Element) -> Bool) -> Bool {
        guard let index = self.firstIndex(where: fits) else { return false }
        self.remove(at: index)
        return true
    }
}
