internal import Synchronization

/// Finds out who calls: from the value of the `authorization` header, or without one from what the connection proves.
package final class Authenticator: Sendable {
    /// Verified header values that are remembered, so that a call on the hot path does not hash. All are forgotten when there are more.
    package static let rememberedMax = 1024
    /// Bytes of a header value that are looked at.
    package static let valueBytesMax = 4096

    /// Compared in constant time; hashed with the process' random key, so that neither says anything about a remembered token.
    private struct Remembered: Hashable {
        /// As text, which is hashed in one go where an array is hashed byte by byte.
        let value: String

        static func == (left: Self, right: Self) -> Bool { isEqualInConstantTime(left.value.utf8.span, right.value.utf8.span) }
        func hash(into hasher: inout Hasher) { hasher.combine(self.value) }
    }

    /// A header value that was found right, and whose it is. A connection keeps that of its last call: most have one caller.
    package final class Verified: Sendable {
        fileprivate let value: String
        fileprivate let entry: TokenEntry
        /// Who says so, by which of its tables.
        fileprivate let authenticator: ObjectIdentifier
        fileprivate let generation: Int

        fileprivate init(_ value: String, _ entry: TokenEntry, by authenticator: Authenticator, generation: Int) {
            self.value = value
            self.entry = entry
            self.authenticator = ObjectIdentifier(authenticator)
            self.generation = generation
        }
    }

    private struct State {
        var table: PrincipalTable?
        var remembered: [Remembered: Verified] = [:]
    }

    private let state: Mutex<State>
    /// Grows with every table, so that what was verified by an earlier one does not count. Changed within the lock.
    private let generation = Atomic(0)
    private let digest: @Sendable ([UInt8]) -> [UInt8]

    /// - Parameters:
    ///   - table: nil accepts every caller as `Principal.local`.
    ///   - digest: SHA-256.
    package init(_ table: PrincipalTable?, digest: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        self.state = Mutex(State(table: table))
        self.digest = digest
    }

    /// Takes another table; what was remembered is forgotten.
    package func replace(_ table: PrincipalTable?) {
        self.state.withLock { state in
            state = State(table: table)
            self.generation.add(1, ordering: .sequentiallyConsistent)
        }
    }

    /// A token that is not known is refused whatever the connection proves: its bearer wants to be somebody else.
    ///
    /// - Parameters:
    ///   - verified: what this function left there for the connection's last call; nil at first.
    ///   - proofs: what the connection proves, the most particular first.
    ///   - now: seconds since 1970.
    package func principal(
        authorization value: String?, verified: inout Verified?, proofs: @autoclosure () -> [Proof] = [], at now: @autoclosure () -> Int64
    ) throws(AccessRefusal) -> Principal {
        guard let value else { return try self.principal(provenBy: proofs()) }
        if let last = verified, last.authenticator == ObjectIdentifier(self),
            last.generation == self.generation.load(ordering: .sequentiallyConsistent),
            isEqualInConstantTime(last.value.utf8.span, value.utf8.span)
        {
            return try Self.principal(of: last.entry, at: now())
        }
        verified = nil
        guard let found = try self.verify(value) else { return .local }
        verified = found
        return try Self.principal(of: found.entry, at: now())
    }

    private func principal(provenBy proofs: [Proof]) throws(AccessRefusal) -> Principal {
        guard let table = self.state.withLock({ $0.table }) else { return .local }
        guard let principal = table.principal(provenBy: proofs) else { throw .noCredentials }
        return principal
    }

    /// nil when every caller is accepted.
    private func verify(_ value: String) throws(AccessRefusal) -> Verified? {
        let key = Remembered(value: value)
        let (table, generation, known) = self.state.withLock {
            ($0.table, self.generation.load(ordering: .sequentiallyConsistent), $0.remembered[key])
        }
        guard let table else { return nil }
        if let known { return known }
        guard value.utf8.count <= Self.valueBytesMax, let token = Self.bearerToken(Array(value.utf8)) else { throw .noCredentials }
        guard let entry = table.tokens.entry(for: self.digest(token)) else { throw .unknownCredentials }
        let verified = Verified(value, entry, by: self, generation: generation)
        self.state.withLock { state in
            guard self.generation.load(ordering: .sequentiallyConsistent) == generation else { return }
            if state.remembered.count >= Self.rememberedMax { state.remembered.removeAll() }
            state.remembered[key] = verified
        }
        return verified
    }

    var rememberedCount: Int { self.state.withLock { $0.remembered.count } }

    private static func principal(of entry: TokenEntry, at now: @autoclosure () -> Int64) throws(AccessRefusal) -> Principal {
        guard entry.isValid(at: now()) else { throw .unknownCredentials }
        return entry.principal
    }

    /// RFC 6750, section 2.1; the scheme's case does not matter (RFC 9110, section 11.1).
    private static func bearerToken(_ value: [UInt8]) -> [UInt8]? {
        let scheme = Array("bearer ".utf8)
        guard value.count > scheme.count, zip(value, scheme).allSatisfy({ $0 == $1 || ($0 | 0x20) == $1 }) else { return nil }
        let token = value.dropFirst(scheme.count).drop { $0 == UInt8(ascii: " ") }
        return token.isEmpty ? nil : Array(token)
    }
}
