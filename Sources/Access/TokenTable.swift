/// A bearer token that is accepted. The token itself is not kept, only its SHA-256 digest: tokens have at least 128 bits of randomness,
/// so that a digest cannot be turned back.
package struct TokenEntry: Sendable, Hashable {
    /// Bytes of a SHA-256 digest.
    package static let digestBytes = 32

    package let digest: [UInt8]
    package let principal: Principal
    /// Seconds since 1970 from when on it is no longer accepted; nil never ends.
    package let expiresAt: Int64?

    package init(digest: [UInt8], principal: Principal, expiresAt: Int64?) {
        self.digest = digest
        self.principal = principal
        self.expiresAt = expiresAt
    }

    /// - Parameter now: not asked for where there is no end.
    func isValid(at now: @autoclosure () -> Int64) -> Bool {
        guard let expiresAt else { return true }
        return now() < expiresAt
    }
}

/// All tokens that are accepted.
package struct TokenTable: Sendable {
    /// Every unknown token is compared with every entry.
    package static let entriesMax = 10_000

    private let entries: [TokenEntry]

    package init(_ entries: [TokenEntry]) {
        self.entries = entries
    }

    /// Compares with every entry to the last byte, so that the time it takes says nothing about what was nearly right.
    func entry(for digest: [UInt8]) -> TokenEntry? {
        var found: TokenEntry?
        for entry in self.entries where isEqualInConstantTime(entry.digest.span, digest.span) { found = entry }
        return found
    }
}

/// Equality whose time depends on the lengths only.
func isEqualInConstantTime(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for index in left.indices { difference |= left[index] ^ right[index] }
    return difference == 0
}
