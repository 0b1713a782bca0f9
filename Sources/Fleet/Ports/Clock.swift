/// The time, and waiting for it. Real in `novitaid`, virtual under the seeded scheduler.
package protocol Clock: Sendable {
    var now: Timestamp { get }
    /// Returns at that time, or earlier when the task is cancelled.
    func sleep(until time: Timestamp) async
}
