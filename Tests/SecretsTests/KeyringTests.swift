import Fleet
import Testing

@testable import Secrets

@Suite("Sealed secrets")
struct KeyringTests {
    private let key = SecretsKey.random()
    private let secret = Array("hunter2 of many words, \u{1F600}".utf8)

    @Test("are opened with the key and for what they belong to, and are never the same twice")
    func roundTrip() throws {
        let keyring = Keyring(current: self.key)
        for secret in [[], self.secret, [UInt8](repeating: 0, count: 100_000)] {
            let (first, second) = (try keyring.seal(secret, for: "a"), try keyring.seal(secret, for: "a"))
            #expect(first != second)
            #expect(try keyring.open(first, for: "a") == secret)
            #expect(keyring.isCurrent(first))
        }
    }

    @Test("of another place, changed, or cut are damaged")
    func damaged() throws {
        let keyring = Keyring(current: self.key)
        let sealed = try keyring.seal(self.secret, for: "environment i-1")
        #expect(throws: SealError.damaged) { try keyring.open(sealed, for: "environment i-2") }
        let start = "nvs1:\(self.key.id):".count
        for index in stride(from: start, to: sealed.count, by: 7) {
            var characters = Array(sealed)
            characters[index] = characters[index] == "A" ? "B" : "A"
            #expect(throws: SealError.damaged) { try keyring.open(String(characters), for: "environment i-1") }
        }
        for text in [String(sealed.dropLast(4)), String(sealed.prefix(start)), "nvs1:", "nvs1:\(self.key.id)"] {
            #expect(throws: SealError.damaged) { try keyring.open(text, for: "environment i-1") }
        }
    }

    @Test("tell what was never sealed, and which key is missing")
    func missing() throws {
        let sealed = try Keyring(current: self.key).seal(self.secret, for: "a")
        let other = Keyring(current: .random())
        #expect(throws: SealError.unknownKey(id: self.key.id)) { try other.open(sealed, for: "a") }
        #expect(throws: SealError.notSealed) { try other.open("{\"values\":{}}", for: "a") }
    }

    @Test("can be opened with an older key while a newer one seals")
    func rotation() throws {
        let newer = SecretsKey.random()
        let sealed = try Keyring(current: self.key).seal(self.secret, for: "a")
        let both = try #require(Keyring("\(newer.reveal())\n\(self.key.reveal())\n"))
        #expect(try both.open(sealed, for: "a") == self.secret)
        #expect(!both.isCurrent(sealed))
        let again = try both.seal(self.secret, for: "a")
        #expect(both.isCurrent(again))
        #expect(try Keyring(current: newer).open(again, for: "a") == self.secret)
    }

    @Test("need keys of 32 bytes", arguments: ["", "short", "AAAA", String(repeating: "A", count: 44), ","])
    func badKeys(_ text: String) { #expect(Keyring(text) == nil) }

    @Test("have keys that print as their name, which is the same every time")
    func named() throws {
        let again = try #require(SecretsKey(base64: self.key.reveal()))
        #expect(again.id == self.key.id && self.key.id.count == 16)
        #expect("\(self.key)" == "SecretsKey(\(self.key.id))")
        var dumped = ""
        dump(self.key, to: &dumped)
        #expect(!dumped.contains(self.key.reveal()))
    }
}
