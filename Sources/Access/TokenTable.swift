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
    /// What a few megabytes hold.
    package static let entriesMax = 10_000

    /// By the first bytes of their digests.
    private let entries: [UInt64: [TokenEntry]]

    package init(_ entries: [TokenEntry]) {
        self.entries = Dictionary(grouping: entries) { Self.key(of: $0.digest) }
    }

    /// Compares to the last byte with all that begin alike, so that the time it takes says nothing about what was nearly right. Where a digest
    /// begins says nothing about a token: nobody can make one for a beginning of their choice that would bring them nearer to the rest.
    func entry(for digest: [UInt8]) -> TokenEntry? {
        var found: TokenEntry?
        for entry in self.entries[Self.key(of: digest)] ?? [] where isEqualInConstantTime(entry.digest.span, digest.span) { found = entry }
        return found
    }

    private static func key(of digest: [UInt8]) -> UInt64 { digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
}

/// Equality whose time depends on the lengths only.
func isEqualInConstantTime(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for index in left.indices { difference |= left[index] ^ right[index] }
    return difference == 0
}
