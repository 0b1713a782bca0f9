internal import Fleet

/// What the account keeps, each list for a while. A change of a list makes it void.
struct ResourceCaches: Sendable {
    let templates: FetchCache<[Template]>
    let registryCredentials: FetchCache<[RegistryCredential]>
    let networkVolumes: FetchCache<[NetworkVolume]>
    let networks: FetchCache<[Network]>
    let imagePrewarms: FetchCache<[ImagePrewarm]>

    init(timeToLive: Duration, clock: any Clock, waitingMax: Int) {
        self.templates = FetchCache(of: "templates", timeToLive: timeToLive, clock: clock, waitingMax: waitingMax)
        self.registryCredentials = FetchCache(of: "credentials", timeToLive: timeToLive, clock: clock, waitingMax: waitingMax)
        self.networkVolumes = FetchCache(of: "volumes", timeToLive: timeToLive, clock: clock, waitingMax: waitingMax)
        self.networks = FetchCache(of: "networks", timeToLive: timeToLive, clock: clock, waitingMax: waitingMax)
        self.imagePrewarms = FetchCache(of: "prewarmed images", timeToLive: timeToLive, clock: clock, waitingMax: waitingMax)
    }

    func clear() {
        self.templates.clear()
        self.registryCredentials.clear()
        self.networkVolumes.clear()
        self.networks.clear()
        self.imagePrewarms.clear()
    }
}
