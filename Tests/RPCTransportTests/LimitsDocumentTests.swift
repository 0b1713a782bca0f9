import Foundation
import HTTP2Session
import RPCTransport
import Testing

@Suite("The document of limits")
struct LimitsDocumentTests {
    /// Each limit and its default, as the code has them.
    private static let inCode: [String: String] = {
        let server = RPCServerConfiguration(address: .host("localhost", port: 0))
        var limits: [String: String] = [:]
        for owner in [server.session, server.session.floodLimits, server.connections, server] as [Any] {
            for case (let name?, let value) in Mirror(reflecting: owner).children {
                if let text = Self.text(value) { limits["\(type(of: owner)).\(name)"] = text }
            }
        }
        return limits
    }()

    /// nil for what is no limit.
    private static func text(_ value: Any) -> String? {
        switch value {
        case let number as any BinaryInteger: return "\(number)"
        case let number as Double: return "\(number)"
        case let duration as Duration:
            let seconds = duration / .seconds(1)
            return seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
        case _ where type(of: value) == Duration?.self: return "none"
        default: return nil
        }
    }

    /// From the tables' first two columns.
    private static func inDocument() throws -> [String: String] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/limits.md")
        var limits: [String: String] = [:]
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
            limits[cells[0]] = cells[1]
        }
        return limits
    }

    @Test("has each limit of the transport with its default, and none that is not there")
    func complete() throws {
        let owners = Set(Self.inCode.keys.map { $0.prefix { $0 != "." } })
        let documented = try Self.inDocument().filter { owners.contains($0.key.prefix { $0 != "." }) }
        #expect(owners.count == 4 && Self.inCode.count > 50)
        for (name, value) in Self.inCode { #expect(documented[name] == value, "\(name)") }
        #expect(Set(documented.keys) == Set(Self.inCode.keys))
    }
}
