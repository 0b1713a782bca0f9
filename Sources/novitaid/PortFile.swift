import FoundationEssentials
import RPCTransport

/// Tells who started the program where it listens.
enum PortFile {
    /// Whole or not at all: whoever reads it while it is written must not see half a number.
    static func write(_ address: RPCAddress, to path: String) throws {
        let text =
            switch address {
            case .host(_, let port): "\(port)\n"
            case .unix(let path): "\(path)\n"
            }
        try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    }
}
