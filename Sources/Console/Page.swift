/// One file of the console, as it is served.
struct Page: Sendable {
    let bytes: [UInt8]
    let contentType: String
    /// The browser keeps the file and asks whether it is still this one.
    let entityTag: String

    init(name: String, bytes: [UInt8]) {
        self.bytes = bytes
        self.contentType = Self.contentType(of: name)
        self.entityTag = "\"" + String(Self.hash(bytes), radix: 36) + "\""
    }

    static let all = Dictionary(uniqueKeysWithValues: EmbeddedPages.all.map { ($0.name, Page(name: $0.name, bytes: $0.bytes)) })
    static let index = "index.html"

    private static func contentType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "application/octet-stream"
        }
    }

    /// FNV-1a, 64 bits: it tells two versions of our own file apart, nobody's attack.
    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
