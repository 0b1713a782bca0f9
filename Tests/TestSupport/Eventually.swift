/// What was waited for did not come.
package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String
}

/// Waits until `condition` holds, for what can only be looked at and tells nobody when it changes. Looks without holding a thread, and gives
/// up in the end, so that a test whose condition never comes fails and names it instead of spinning for ever.
///
/// - Parameters:
///   - what: named in the error.
///   - limit: far beyond what a loaded machine needs, where tests that play simulated days hold both threads of the pool for more than a minute.
///     No test passes or fails by it but one that would not end.
package nonisolated(nonsending) func eventually(
    _ what: String, within limit: Duration = .seconds(300), _ condition: nonisolated(nonsending) () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard .now < end else { throw NeverHappened(description: "\(what): not within \(limit)") }
        try await ContinuousClock().sleep(for: .milliseconds(1))
    }
}
