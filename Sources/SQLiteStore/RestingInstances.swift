import Fleet
import GRDB

/// Instances with an unfinished job that this release cannot read, each with the first such job; see `UnreadJob`. The file has one owner, so
/// that what was there at the opening is all there is.
typealias RestingInstances = [InstanceID: JobID]

extension LeaseToken {
    /// Of jobs that no worker of this release is given. It ends, like every lease, when the file is opened next.
    static let nobody = LeaseToken(rawValue: "of a later release")
}

extension Transaction {
    /// Takes what this release cannot read, and what waits with it, out of the workers' reach. To be called when leases have ended.
    func restUnread() throws -> RestingInstances {
        let unread = try self.unfinishedJobs().filter(\.isUnread)
        for id in Set(unread.map(\.instanceID)) {
            try self.execute(
                "UPDATE job SET lease_token = ?, lease_expires_at = ? WHERE is_unfinished = 1 AND instance_id = ?",
                [LeaseToken.nobody.rawValue, Int64.max, id.rawValue])
        }
        return Dictionary(unread.map { ($0.instanceID, $0.id) }) { first, _ in first }
    }
}
