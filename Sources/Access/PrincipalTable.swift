/// What a connection proves about who is at its other end, in the form in which the table of principals lists it.
package enum Proof: Sendable, Hashable {
    /// A subject alternative name of a client certificate; compared whole.
    case uri(String)
    /// In lower case.
    case dnsName(String)
    /// SHA-256 over a client certificate.
    case fingerprint([UInt8])
    /// The user of a process on this machine.
    case userID(UInt32)
}

/// Everybody who may call, and how they are known. Who is not in it is nobody.
package struct PrincipalTable: Sendable {
    let tokens: TokenTable
    private let proofs: [Proof: Principal]

    package init(tokens: TokenTable, proofs: [Proof: Principal] = [:]) {
        self.tokens = tokens
        self.proofs = proofs
    }

    package init(_ entries: [TokenEntry]) { self.init(tokens: TokenTable(entries)) }

    /// The first proof that is listed decides: whoever gives them puts the most particular first.
    func principal(provenBy proofs: [Proof]) -> Principal? {
        for proof in proofs {
            if let principal = self.proofs[proof] { return principal }
        }
        return nil
    }
}
