/// Work that the provider does in the background: saving an image, moving a machine.
package struct UpstreamJob: Sendable, Hashable, Identifiable {
    package enum Kind: String, Sendable, CaseIterable {
        case saveImage
        case migration = "instanceMigrate"
        /// Begun by the provider itself.
        case automaticMigration = "autoInstanceMigrate"
    }

    package enum State: Sendable, Hashable {
        case underWay
        case succeeded
        case failed
        case cancelled
        /// A word that this version does not know: neither under way nor ended as far as we can tell.
        case unrecognized
    }

    package var id: UpstreamJobID
    /// Nil for a kind that this version does not know.
    package var kind: Kind?
    package var machineID: UpstreamID
    /// The provider's word, as it came.
    package var status: String
    /// Empty as long as nothing went wrong.
    package var error: String
    package var createdAt: Timestamp?

    package init(
        id: UpstreamJobID, kind: Kind?, machineID: UpstreamID, status: String, error: String = "", createdAt: Timestamp? = nil
    ) {
        self.id = id
        self.kind = kind
        self.machineID = machineID
        self.status = status
        self.error = error
        self.createdAt = createdAt
    }

    package var state: State {
        switch self.status {
        case "pending", "pulling", "running": .underWay
        case "success": .succeeded
        case "fail": .failed
        case "break": .cancelled
        default: .unrecognized
        }
    }
}

/// Which jobs of the account are asked for.
package struct UpstreamJobQuery: Sendable, Hashable {
    /// Nil: every kind.
    package var kind: UpstreamJob.Kind?
    /// Nil: whichever.
    package var id: UpstreamJobID?
    /// Nil: however old.
    package var createdAfter: Timestamp?

    package init(kind: UpstreamJob.Kind? = nil, id: UpstreamJobID? = nil, createdAfter: Timestamp? = nil) {
        self.kind = kind
        self.id = id
        self.createdAfter = createdAfter
    }
}
