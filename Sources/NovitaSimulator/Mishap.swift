/// What goes wrong with machines and jobs themselves, however well the calls get through.
package struct Mishap: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// A machine that begins to pull its image never gets further, without a word.
        case stuckPull = "stuck_pull"
        /// The creation stops with an error in the record.
        case failedCreation = "failed_creation"
        /// A start is refused for capacity, whatever the stock.
        case startRefused = "start_refused"
        /// A delete is accepted, and the machine comes back.
        case forgottenDelete = "forgotten_delete"
        /// The job that moves a machine fails and leaves it in `migrating`.
        case failedMigration = "failed_migration"
        case failedSave = "failed_save"
    }

    package var kind: Kind
    /// Nil: whichever is first.
    package var machineID: String?
    /// How often it may still strike; nil means until it is cleared.
    package var remaining: Int?

    package init(_ kind: Kind, machineID: String? = nil, times: Int? = 1) {
        self.kind = kind
        self.machineID = machineID
        self.remaining = times
    }
}

extension NovitaSimulator {
    /// Mishaps armed at a time; the oldest is dropped beyond.
    private static let mishapsMax = 1000

    package mutating func arm(_ mishap: Mishap) {
        self.mishaps.removeAll { $0.remaining == 0 }
        if self.mishaps.count >= Self.mishapsMax { self.mishaps.removeFirst() }
        self.mishaps.append(mishap)
    }

    package mutating func clearMishaps() {
        self.mishaps = []
    }

    /// Whether the machine meets with it now; then it is used up once.
    mutating func strikes(_ kind: Mishap.Kind, _ machineID: String) -> Bool {
        let found = self.mishaps.firstIndex {
            $0.kind == kind && $0.remaining != 0 && ($0.machineID == nil || $0.machineID == machineID)
        }
        guard let found else { return false }
        if let remaining = self.mishaps[found].remaining { self.mishaps[found].remaining = remaining - 1 }
        return true
    }
}
