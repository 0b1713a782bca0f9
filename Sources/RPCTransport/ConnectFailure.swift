internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Why a connection could not be made, in words for people.
enum ConnectFailure {
    static func text(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError: self.text(error)
        case let error as IOError: self.text(error)
        case ChannelError.connectTimeout: "timed out"
        default: "\(error)"
        }
    }

    /// A name may stand for several addresses, of which the last one tried speaks for all.
    private static func text(_ error: NIOConnectionError) -> String {
        if let last = error.connectionErrors.last { return self.text(last.error) }
        return error.dnsAError == nil && error.dnsAAAAError == nil ? "\(error)" : "the name cannot be resolved"
    }

    private static func text(_ error: IOError) -> String {
        switch error.errnoCode {
        case ECONNREFUSED: "connection refused"
        case ENOENT: "no such socket file"
        case ETIMEDOUT: "timed out"
        default: "\(error)"
        }
    }
}
