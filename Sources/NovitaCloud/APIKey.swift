/// The account's key. It leaves only in the `Authorization` header and cannot print itself.
package struct APIKey: Sendable {
    private let value: String

    package init(_ value: String) {
        self.value = value
    }

    var authorization: String { "Bearer \(self.value)" }

    /// Takes the key out of texts, and other secrets with it.
    func redaction(with others: [String]) -> Redaction { Redaction([self.value] + others) }
}

extension APIKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "APIKey(redacted)" }
    package var debugDescription: String { self.description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
