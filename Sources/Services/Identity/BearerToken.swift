/// Makes tokens.
package enum BearerToken {
    /// So that one that strays into a text or a repository is recognised.
    static let prefix = "nvt_"
    /// Of randomness: nobody guesses one, so that its plain digest cannot be turned back.
    static let bytes = 32

    package static func make() -> String {
        var random = SystemRandomNumberGenerator()
        return self.prefix + Hexadecimal.text((0..<self.bytes).map { _ in UInt8.random(in: 0 ... .max, using: &random) })
    }
}
