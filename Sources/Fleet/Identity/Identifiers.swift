/// A string that names one kind of thing, so that two kinds cannot be mixed up.
package protocol Identifier: RawRepresentable<String>, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    init(rawValue: String)
}

extension Identifier {
    package init(from decoder: any Decoder) throws {
        self.init(rawValue: try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }

    package var description: String { self.rawValue }

    package static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// An instance of ours: `i-` and 13 characters of Crockford's base 32 in lower case (65 bits of randomness).
package struct InstanceID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static func random(using generator: inout some RandomNumberGenerator) -> Self {
        InstanceID(rawValue: "i-" + randomText(13, using: &generator))
    }
}

/// A job: `j-` and 13 characters.
package struct JobID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static func random(using generator: inout some RandomNumberGenerator) -> Self {
        JobID(rawValue: "j-" + randomText(13, using: &generator))
    }
}

/// Who owns things. Without configured identities there is one tenant, `default`.
package struct TenantID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static let `default` = TenantID(rawValue: "default")
}

/// Who asks for things, within a tenant.
package struct PrincipalID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

/// Made with the database, never changed: what makes a machine at the provider recognisable as ours. 16 characters.
package struct DeploymentID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static func random(using generator: inout some RandomNumberGenerator) -> Self {
        DeploymentID(rawValue: randomText(16, using: &generator))
    }
}

/// One uninterrupted history of revisions; a restored database begins another one. 16 characters.
package struct HistoryID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static func random(using generator: inout some RandomNumberGenerator) -> Self {
        HistoryID(rawValue: randomText(16, using: &generator))
    }
}

/// A background job of the provider.
package struct UpstreamJobID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

/// The provider's name for a machine.
package struct UpstreamID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

/// Fences one lease of one job: a worker whose token is no longer in the row cannot commit. 16 characters.
package struct LeaseToken: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static func random(using generator: inout some RandomNumberGenerator) -> Self {
        LeaseToken(rawValue: randomText(16, using: &generator))
    }
}

/// A position in the one log of changes; 0 is before the first.
package struct Revision: Hashable, Comparable, Sendable, Codable {
    package var number: Int64

    package init(_ number: Int64) {
        self.number = number
    }

    package init(from decoder: any Decoder) throws {
        self.number = try decoder.singleValueContainer().decode(Int64.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.number)
    }

    package static let zero = Revision(0)

    package static func < (left: Self, right: Self) -> Bool {
        left.number < right.number
    }
}

/// Crockford's base 32 without the letters that are easily misread, lower case: safe in names, URLs and shells.
private let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

private func randomText(_ count: Int, using generator: inout some RandomNumberGenerator) -> String {
    String(decoding: (0..<count).map { _ in alphabet[Int(generator.next() & 31)] }, as: UTF8.self)
}
