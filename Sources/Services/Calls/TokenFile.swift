package import Access
internal import CivilTime
internal import FoundationEssentials

/// Reads the file of `AUTH_TOKENS_FILE`: `{"tokens": [{"id", "sha256", "tenant", "role", "expires_at"}]}`.
package enum TokenFile {
    private struct Content: Decodable {
        var tokens: [Token]
    }

    private struct Token: Decodable {
        var id: String
        /// SHA-256 of the token, 64 hexadecimal digits.
        var sha256: String
        var tenant: String
        var role: String
        /// RFC 3339; absent: never ends.
        var expiresAt: String?

        enum CodingKeys: String, CodingKey {
            case id
            case sha256
            case tenant
            case role
            case expiresAt = "expires_at"
        }
    }

    /// What is wrong with a file. Says no digest.
    package struct Failure: Error, CustomStringConvertible, Hashable {
        package let description: String
    }

    package static func parse(_ text: String) throws(Failure) -> TokenTable {
        let content: Content
        do {
            content = try JSONDecoder().decode(Content.self, from: Data(text.utf8))
        } catch {
            throw Failure(description: "is not of the form {\"tokens\": [{\"id\", \"sha256\", \"tenant\", \"role\"}]}")
        }
        guard (1...TokenTable.entriesMax).contains(content.tokens.count) else {
            throw Failure(description: "must hold 1 to \(TokenTable.entriesMax) tokens")
        }
        var entries: [TokenEntry] = []
        var ids: Set<String> = []
        for (index, token) in content.tokens.enumerated() {
            guard !token.id.isEmpty, ids.insert(token.id).inserted else {
                throw Failure(description: "tokens[\(index)].id must be there, and differ from the others")
            }
            entries.append(try self.entry(token, at: index))
        }
        return TokenTable(entries)
    }

    private static func entry(_ token: Token, at index: Int) throws(Failure) -> TokenEntry {
        guard let digest = self.bytes(hexadecimal: token.sha256), digest.count == TokenEntry.digestBytes else {
            throw Failure(description: "tokens[\(index)].sha256 must have 64 hexadecimal digits")
        }
        guard let role = Role(rawValue: token.role) else {
            throw Failure(description: "tokens[\(index)].role must be one of \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard !token.tenant.isEmpty else { throw Failure(description: "tokens[\(index)].tenant must not be empty") }
        var expiresAt: Int64?
        if let text = token.expiresAt {
            guard let seconds = RFC3339.seconds(of: text) else {
                throw Failure(description: "tokens[\(index)].expires_at must look like 2027-01-01T00:00:00Z")
            }
            expiresAt = seconds
        }
        return TokenEntry(digest: digest, principal: Principal(id: token.id, tenant: token.tenant, role: role), expiresAt: expiresAt)
    }

    private static func bytes(hexadecimal text: String) -> [UInt8]? {
        let digits = text.compactMap { $0.isASCII ? $0.hexDigitValue : nil }
        guard digits.count == text.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
