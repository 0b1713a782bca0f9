/// A store that can be copied while it serves.
package protocol BackupSource: Sendable {
    /// A consistent copy of everything that was committed before. One at a time: a second fails while the first is kept.
    func makeBackup() async throws(StoreError) -> any BackupCopy
}

/// A copy of a store. It takes up its space until it is released.
package protocol BackupCopy: Sendable {
    var deployment: Deployment { get }
    /// The last change that it holds.
    var revision: Revision { get }
    var byteCount: Int { get }
    /// Of the keys that its secrets are sealed with. The keys themselves are not in it.
    var keyIDs: [String] { get }

    /// The next bytes, at most `count`; none after the last. Blocks while the file is read.
    func read(upTo count: Int) throws(StoreError) -> [UInt8]

    /// Idempotent.
    func release()
}
