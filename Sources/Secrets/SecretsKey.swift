internal import Crypto
internal import FoundationEssentials

/// A key that seals secrets. It cannot print itself.
package struct SecretsKey: Sendable, CustomStringConvertible, CustomReflectable {
    package static let bytes = 32
    static let idBytes = 8
    /// Names the key in what it has sealed, and says nothing about it.
    package let id: String
    let sealingKey: SymmetricKey

    private let text: String

    /// - Parameter base64: 32 bytes (RFC 4648, section 4); nil for other text.
    package init?(base64: String) {
        guard let data = Data(base64Encoded: base64), data.count == Self.bytes else { return nil }
        self.init(data)
    }

    package static func random() -> SecretsKey {
        var random = SystemRandomNumberGenerator()
        return SecretsKey(Data((0..<self.bytes).map { _ in UInt8.random(in: 0 ... .max, using: &random) }))
    }

    private init(_ data: Data) {
        let key = SymmetricKey(data: data)
        // What is derived for one purpose tells nothing about what is derived for another (RFC 5869).
        self.sealingKey = HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Data("novitai seal v1".utf8), outputByteCount: Self.bytes)
        self.id = HMAC<SHA256>.authenticationCode(for: Data("novitai key id v1".utf8), using: key).prefix(Self.idBytes)
            .reduce(into: "") { $0 += String($1 >> 4, radix: 16) + String($1 & 15, radix: 16) }
        self.text = data.base64EncodedString()
    }

    /// For the one place that writes it down.
    package func reveal() -> String { self.text }

    package var description: String { "SecretsKey(\(self.id))" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
