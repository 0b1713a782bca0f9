/// Keeps secrets unreadable where they are stored. Implemented outside, so that the domain knows no cryptography.
package protocol Sealer: Sendable {
    /// - Parameter context: what the secret belongs to. Only with the same can it be opened: a sealed text that is moved to another
    ///   place is worthless there.
    func seal(_ secret: [UInt8], for context: String) throws(SealError) -> String

    func open(_ sealed: String, for context: String) throws(SealError) -> [UInt8]

    /// Whether the text is sealed under the key that `seal` uses now.
    func isCurrent(_ sealed: String) -> Bool

    /// Names the key that a text is sealed under, at hand or not; nil for what was not sealed.
    func keyID(of sealed: String) -> String?
}

/// Why a sealed text cannot be opened. Says nothing of what is in it.
package enum SealError: Error, Sendable, Hashable {
    /// It was not sealed: rows of versions that did not seal are like that.
    case notSealed
    /// Sealed under a key that is not at hand.
    case unknownKey(id: String)
    /// Changed, cut or moved since it was sealed.
    case damaged
}
