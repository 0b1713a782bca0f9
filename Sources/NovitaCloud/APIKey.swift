/// The account's key. It leaves only in the `Authorization` header and cannot print itself.
package struct APIKey: Sendable {
    private let value: String

    package init(_ value: String) {
        self.value = value
    }

    var authorization: String { "Bearer \(self.value)" }

    /// The text without the key, should the provider have repeated it in a message.
    func redact(_ text: String) -> String {
        self.value.isEmpty ? text : text.replacing(self.value, with: "[redacted]")
    }
}

extension APIKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "APIKey(redacted)" }
    package var debugDescription: String { self.description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
