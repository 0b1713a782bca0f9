internal import FoundationEssentials

/// The document of `AUTH_TOKENS_FILE`: who may call, and how they are known.
///
///     {"principals": [{"id", "tenant", "role", "limits": {…}, "certificates": [{"uri"} | {"dns"} | {"sha256"}], "user_ids": [1000]}],
///      "tokens": [{"id", "sha256", "principal", "created_at", "expires_at"} | {"id", "sha256", "tenant", "role", "expires_at"}]}
///
/// A token belongs to a principal of the first list, which may have several at a time, or is one itself.
package struct PrincipalDocument: Codable, Sendable, Hashable {
    package var principals: [Strict<Entry>]?
    package var tokens: [Strict<Token>]?

    package struct Entry: Codable, Sendable, Hashable {
        package var id: String
        package var tenant: String
        package var role: String
        package var limits: Strict<Limits>?
        package var certificates: [Strict<Certificate>]?
        package var userIDs: [UInt32]?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id
            case tenant
            case role
            case limits
            case certificates
            case userIDs = "user_ids"
        }
    }

    package struct Limits: Codable, Sendable, Hashable {
        package var callsPerSecond: Int?
        package var burst: Int?
        package var concurrentCalls: Int?
        package var maxInstances: Int?
        /// US dollars.
        package var maxHourlySpend: Double?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case callsPerSecond = "calls_per_second"
            case burst
            case concurrentCalls = "concurrent_calls"
            case maxInstances = "max_instances"
            case maxHourlySpend = "max_hourly_spend"
        }
    }

    /// One of the three.
    package struct Certificate: Codable, Sendable, Hashable {
        package var uri: String?
        package var dns: String?
        package var sha256: String?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case uri
            case dns
            case sha256
        }
    }

    package struct Token: Codable, Sendable, Hashable {
        package var id: String
        /// SHA-256 of the token, 64 hexadecimal digits.
        package var sha256: String
        /// Whose it is; without it, tenant and role are the token's own.
        package var principal: String?
        package var tenant: String?
        package var role: String?
        /// RFC 3339.
        package var createdAt: String?
        /// RFC 3339; absent: never ends.
        package var expiresAt: String?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id
            case sha256
            case principal
            case tenant
            case role
            case createdAt = "created_at"
            case expiresAt = "expires_at"
        }
    }

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case principals
        case tokens
    }

    package init() {}
}

// What is read strictly; see `Strict`.
extension PrincipalDocument: StrictlyDecodable {}
extension PrincipalDocument.Entry: StrictlyDecodable {}
extension PrincipalDocument.Limits: StrictlyDecodable {}
extension PrincipalDocument.Certificate: StrictlyDecodable {}
extension PrincipalDocument.Token: StrictlyDecodable {}

extension PrincipalDocument {
    /// What is wrong with a document. Says no digest.
    package struct Failure: Error, CustomStringConvertible, Hashable {
        package let description: String
    }

    package init(parsing text: String) throws(Failure) {
        do {
            self = try JSONDecoder().decode(Strict<Self>.self, from: Data(text.utf8)).value
        } catch {
            throw Failure(description: Self.text(error))
        }
    }

    /// As it is written to the file: for people too.
    package var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Texts and numbers that were read or checked before can be encoded.
        let data = try? encoder.encode(self)
        return String(decoding: data ?? Data(), as: UTF8.self) + "\n"
    }

    private static func text(_ error: any Error) -> String {
        let form = "is not of the form {\"principals\": […], \"tokens\": [{\"id\", \"sha256\", \"tenant\", \"role\"}]}"
        guard let error = error as? DecodingError else { return form }
        let (path, what): ([any CodingKey], String) =
            switch error {
            case .keyNotFound(let key, let context): (context.codingPath + [key], "is missing")
            case .typeMismatch(_, let context), .valueNotFound(_, let context): (context.codingPath, "has the wrong type")
            case .dataCorrupted(let context): (context.codingPath, context.debugDescription)
            @unknown default: ([], "")
            }
        guard !path.isEmpty else { return form }
        return path.reduce("") { $0 + ($1.intValue.map { "[\($0)]" } ?? ($0.isEmpty ? "" : ".") + $1.stringValue) } + " \(what)"
    }
}
