internal import Crypto
package import Fleet
internal import FoundationEssentials

/// Seals with one key and opens with several: how a key is replaced. AES-256-GCM with a random nonce of 96 bits, good for some four
/// thousand million secrets under one key (NIST SP 800-38D, section 8.3).
///
/// A sealed text is `nvs1:KEY ID:BASE64`, the last part being nonce, ciphertext and tag.
package struct Keyring: Sealer {
    private static let scheme = "nvs1:"

    private let current: SecretsKey
    private let keys: [String: SecretsKey]

    /// - Parameters:
    ///   - current: seals, and opens.
    ///   - others: only open.
    package init(current: SecretsKey, others: [SecretsKey] = []) {
        self.current = current
        self.keys = Dictionary((others + [current]).map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    }

    /// Keys in base64 with white space or commas between them; the first is the current one. nil for other text.
    package init?(_ text: String) {
        let words = text.split { $0.isWhitespace || $0 == "," }
        let keys = words.compactMap { SecretsKey(base64: String($0)) }
        guard let first = keys.first, keys.count == words.count else { return nil }
        self.init(current: first, others: Array(keys.dropFirst()))
    }

    package func seal(_ secret: [UInt8], for context: String) throws(SealError) -> String {
        do {
            let box = try AES.GCM.seal(Data(secret), using: self.current.sealingKey, authenticating: Data(context.utf8))
            guard let bytes = box.combined else { throw SealError.damaged }
            return "\(Self.scheme)\(self.current.id):\(bytes.base64EncodedString())"
        } catch {
            // The nonce is ours and of the standard size, so this does not happen.
            throw .damaged
        }
    }

    package func open(_ sealed: String, for context: String) throws(SealError) -> [UInt8] {
        guard sealed.hasPrefix(Self.scheme) else { throw .notSealed }
        let parts = sealed.dropFirst(Self.scheme.count).split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .damaged }
        guard let key = self.keys[String(parts[0])] else { throw .unknownKey(id: String(parts[0])) }
        do {
            guard let bytes = Data(base64Encoded: String(parts[1])) else { throw SealError.damaged }
            let box = try AES.GCM.SealedBox(combined: bytes)
            return Array(try AES.GCM.open(box, using: key.sealingKey, authenticating: Data(context.utf8)))
        } catch {
            throw .damaged
        }
    }

    package func keyID(of sealed: String) -> String? {
        guard sealed.hasPrefix(Self.scheme) else { return nil }
        let rest = sealed.dropFirst(Self.scheme.count)
        return rest.firstIndex(of: ":").map { String(rest[..<$0]) }
    }

    package func isCurrent(_ sealed: String) -> Bool { sealed.hasPrefix("\(Self.scheme)\(self.current.id):") }
}
