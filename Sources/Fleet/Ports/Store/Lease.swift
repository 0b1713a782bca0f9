package struct LeaseRequest: Sendable, Hashable {
    /// One fresh token for all jobs leased by this call.
    package var token: LeaseToken
    package var now: Timestamp
    package var expiresAt: Timestamp
    /// At most this many jobs.
    package var limit: Int
    /// At most so many of a type; as many as there are of one that is not named.
    package var room: [JobType: Int]
    /// At most so many that look at what has come about, by priority: of that one and of those that come later together. As many as there are of
    /// one that is not named. See ``Job/isLook``.
    package var lookRoom: [Int: Int]

    package init(
        token: LeaseToken, now: Timestamp, expiresAt: Timestamp, limit: Int, room: [JobType: Int] = [:], lookRoom: [Int: Int] = [:]
    ) {
        self.token = token
        self.now = now
        self.expiresAt = expiresAt
        self.limit = limit
        self.room = room
        self.lookRoom = lookRoom
    }
}

/// Due jobs, leased; and when to ask again.
package struct Leased: Sendable, Hashable {
    package var jobs: [Job]
    /// The earliest due time or lease end among the jobs that were not leased and are not held back by an older unfinished job of
    /// their instance, nor by want of room; nil when there are none.
    package var nextDueAt: Timestamp?

    package init(jobs: [Job], nextDueAt: Timestamp?) {
        self.jobs = jobs
        self.nextDueAt = nextDueAt
    }
}
