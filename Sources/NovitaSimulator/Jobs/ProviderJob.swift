/// Work that the provider does in the background.
package struct ProviderJob: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case saveImage, instanceMigrate, autoInstanceMigrate
    }

    package enum State: String, CaseIterable, Sendable {
        /// Being prepared.
        case pulling
        case running, success, fail
        case broken = "break"

        var isFinal: Bool { self == .success || self == .fail || self == .broken }
    }

    package let id: String
    package let kind: Kind
    package let machineID: String
    package let createdAt: SimulatorTime
    package internal(set) var state = State.pulling
    package internal(set) var error = ""
}

/// The parameters of `GET /jobs`. Empty means "any".
package struct JobQuery: Hashable, Sendable {
    package var page = PageQuery()
    package var id = ""
    package var kind = ""
    package var state = ""
    /// Unix seconds; 0 is open.
    package var startTime: Int64 = 0
    package var endTime: Int64 = 0

    package init() {}

    func matches(_ job: ProviderJob) -> Bool {
        let created = job.createdAt.unixSeconds
        return (self.id.isEmpty || self.id == job.id) && (self.kind.isEmpty || self.kind == job.kind.rawValue)
            && (self.state.isEmpty || self.state == job.state.rawValue) && created >= self.startTime
            && (self.endTime == 0 || created <= self.endTime)
    }
}

/// The body of `POST /job/save/image`.
package struct SaveImageRequest: Hashable, Sendable {
    package var id: String
    /// Where to push it to.
    package var image: String
    package var registryAuthID: String

    package init(id: String, image: String, registryAuthID: String = "") {
        self.id = id
        self.image = image
        self.registryAuthID = registryAuthID
    }
}
