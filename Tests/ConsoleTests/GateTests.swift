import Testing

@testable import Console

@Suite("Which requests the console takes")
struct GateTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var request: Gate.Request
        var isTaken: Bool

        init(
            _ name: String, _ isTaken: Bool, host: String? = "127.0.0.1:8080", origin: String? = nil, site: String? = nil,
            mark: Bool = true, get: Bool = false, session: Bool = false
        ) {
            self.testDescription = name
            self.isTaken = isTaken
            self.request = Gate.Request(host: host, origin: origin, fetchSite: site, hasMark: mark, isGet: get, hasSession: session)
        }
    }

    static let cases = [
        Case("the page's own call", true, origin: "http://127.0.0.1:8080", site: "same-origin"),
        Case("a call without a browser", true),
        Case("a call without the mark, as a form of a foreign page sends it", false, mark: false),
        Case("a stream has no mark", true, site: "same-origin", mark: false, get: true),
        Case("a stream that another site's page opens", false, site: "cross-site", mark: false, get: true),
        Case("a page of the same site on another port", false, site: "same-site"),
        Case("another port of the same host as origin", false, origin: "http://127.0.0.1:9999"),
        Case("an origin that says nothing", false, origin: "null"),
        Case("an origin behind an encrypting proxy", true, host: "console.example", origin: "https://console.example", session: true),
        Case("a name that leads to this machine, without a session", false, host: "evil.example:8080", origin: "http://evil.example:8080"),
        Case("a name, with a session", true, host: "console.example", session: true),
        Case("localhost", true, host: "localhost:8080"),
        Case("a name below localhost", true, host: "novitai.localhost"),
        Case("a name that ends like localhost", false, host: "notlocalhost"),
        Case("an address of IP version 6", true, host: "[::1]:8080"),
        Case("a name of four parts that is no address", false, host: "1.2.3.example"),
        Case("a number that no address has", false, host: "1.2.3.256"),
        Case("no host", false, host: nil),
    ]

    @Test("a request is taken when no foreign page can have made it", arguments: cases)
    func gate(_ one: Case) {
        #expect((Gate.refusal(of: one.request) == nil) == one.isTaken)
    }
}
