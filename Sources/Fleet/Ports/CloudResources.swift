/// What the provider answered to a question that may be answered from a cache, and when it was asked.
package struct Fetched<Value: Sendable>: Sendable {
    package var value: Value
    package var fetchedAt: Timestamp

    package init(_ value: Value, fetchedAt: Timestamp) {
        self.value = value
        self.fetchedAt = fetchedAt
    }
}

extension Fetched: Equatable where Value: Equatable {}

/// What is kept of something that the provider told.
package struct CacheFacts: Hashable, Sendable {
    package enum Name: String, Hashable, Sendable, CaseIterable {
        case catalogue
        case templates
        case registryCredentials = "registry_credentials"
        case networkVolumes = "network_volumes"
        case networks
        case imagePrewarms = "image_prewarms"
    }

    package var name: Name
    /// Nil: nothing is kept.
    package var fetchedAt: Timestamp?
    /// From then on it is asked for again; nil with `fetchedAt`.
    package var expiresAt: Timestamp?
    package var entryCount: Int
    /// Who was answered from it, and how often the provider was asked, since the process began.
    package var hits: UInt64
    package var fetches: UInt64

    package init(
        _ name: Name, fetchedAt: Timestamp? = nil, expiresAt: Timestamp? = nil, entryCount: Int = 0, hits: UInt64 = 0, fetches: UInt64 = 0
    ) {
        self.name = name
        self.fetchedAt = fetchedAt
        self.expiresAt = expiresAt
        self.entryCount = entryCount
        self.hits = hits
        self.fetches = fetches
    }
}

/// What the account keeps at the provider besides machines.
///
/// Lists may be as old as the cache's time to live; those with `isFresh` are asked anew. A call that makes something is made once, and
/// repeated inside only after an answer that says that nothing was done; its error says whether there may be something now. None of
/// the names is unique at the provider.
package protocol CloudResources: Sendable {
    /// One of each name, in the order of the names.
    var caches: [CacheFacts] { get }
    /// Who needs it next asks the provider; what is being asked is answered, and not kept.
    func clearCache(_ name: CacheFacts.Name)

    func templates(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[Template]>
    /// Nil when there is none.
    func template(_ id: TemplateID, call: CloudCall) async throws(CloudError) -> Template?
    func createTemplate(_ draft: TemplateDraft, call: CloudCall) async throws(CloudError) -> TemplateID
    /// What it says afterwards, whole; what a draft does not know of stays as it is.
    func updateTemplate(_ id: TemplateID, _ draft: TemplateDraft, call: CloudCall) async throws(CloudError)
    func deleteTemplate(_ id: TemplateID, call: CloudCall) async throws(CloudError)

    func registryCredentials(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[RegistryCredential]>
    /// The provider tells no id: it is looked up by name afterwards; nil when it does not show yet.
    func createRegistryCredential(_ draft: RegistryCredentialDraft, call: CloudCall) async throws(CloudError) -> RegistryCredentialID?
    func deleteRegistryCredential(_ id: RegistryCredentialID, call: CloudCall) async throws(CloudError)

    func networkVolumes(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[NetworkVolume]>
    /// Nil when the provider does not tell the id and the volume does not show yet.
    func createNetworkVolume(_ draft: NetworkVolumeDraft, call: CloudCall) async throws(CloudError) -> NetworkVolumeID?
    /// A volume can only grow.
    func updateNetworkVolume(_ id: NetworkVolumeID, name: String, sizeGB: Int, call: CloudCall) async throws(CloudError)
    func deleteNetworkVolume(_ id: NetworkVolumeID, call: CloudCall) async throws(CloudError)

    func networks(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[Network]>
    func network(_ id: NetworkID, call: CloudCall) async throws(CloudError) -> Network?
    /// As with volumes.
    func createNetwork(_ draft: NetworkDraft, call: CloudCall) async throws(CloudError) -> NetworkID?
    func renameNetwork(_ id: NetworkID, to name: String, call: CloudCall) async throws(CloudError)
    func deleteNetwork(_ id: NetworkID, call: CloudCall) async throws(CloudError)

    func imagePrewarms(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[ImagePrewarm]>
    func imagePrewarmQuota(call: CloudCall) async throws(CloudError) -> ImagePrewarmQuota
    func createImagePrewarm(_ draft: ImagePrewarmDraft, call: CloudCall) async throws(CloudError) -> ImagePrewarmID?
    func annotateImagePrewarm(_ id: ImagePrewarmID, note: String, call: CloudCall) async throws(CloudError)
    func deleteImagePrewarm(_ id: ImagePrewarmID, call: CloudCall) async throws(CloudError)
}
