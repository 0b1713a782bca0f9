/// A place in history, which is read newest first: by creation time, then id, both descending.
package struct HistoryCursor: Sendable, Hashable, Codable {
    package var createdAt: Timestamp
    package var id: String

    package init(createdAt: Timestamp, id: String) {
        self.createdAt = createdAt
        self.id = id
    }
}

/// A page of history.
package struct HistoryQuery: Sendable, Hashable {
    /// Nil: every tenant's.
    package var tenant: TenantID?
    /// Only what comes after this one; nil: from the newest.
    package var after: HistoryCursor?
    package var limit: Int

    package init(tenant: TenantID?, after: HistoryCursor? = nil, limit: Int) {
        self.tenant = tenant
        self.after = after
        self.limit = limit
    }
}

/// How long ended jobs are kept.
package struct JobRetention: Sendable, Hashable {
    /// Ended longer ago.
    package var age: Duration
    /// Beyond the newest of so many, and ended longer ago than `ageMin`.
    package var count: Int
    /// A request id stands for its job for at least so long.
    package var ageMin: Duration

    package init(age: Duration, count: Int, ageMin: Duration) {
        self.age = age
        self.count = count
        self.ageMin = ageMin
    }
}
