/// A value of a document in which a name that means nothing is an error: a limit that is misspelled would otherwise be no limit.
package struct Strict<Value: StrictlyDecodable>: Codable, Sendable, Hashable {
    package var value: Value

    package init(_ value: Value) { self.value = value }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyKey.self)
        let known = Set(Value.CodingKeys.allCases.map(\.stringValue))
        if let stranger = container.allKeys.map(\.stringValue).sorted().first(where: { !known.contains($0) }) {
            let path = decoder.codingPath + [AnyKey(stringValue: stranger)]
            throw DecodingError.dataCorrupted(.init(codingPath: path, debugDescription: "is not known"))
        }
        self.value = try Value(from: decoder)
    }

    package func encode(to encoder: any Encoder) throws { try self.value.encode(to: encoder) }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// A value whose names are known.
package protocol StrictlyDecodable: Codable, Sendable, Hashable {
    associatedtype CodingKeys: CodingKey, CaseIterable
}
