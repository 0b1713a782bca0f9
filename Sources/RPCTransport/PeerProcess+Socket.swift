internal import Glibc
internal import NIOCore
internal import RPCCore

extension PeerProcess {
    /// What the kernel noted of the process when it connected: `SO_PEERCRED`, unix(7).
    static func of(_ channel: any Channel) -> EventLoopFuture<PeerProcess?> {
        guard let socket = channel as? any SocketOptionProvider else { return channel.eventLoop.makeSucceededFuture(nil) }
        let credentials: EventLoopFuture<Credentials> = socket.unsafeGetSocketOption(level: .socket, name: .init(rawValue: SO_PEERCRED))
        return credentials.map { PeerProcess(userID: $0.userID, groupID: $0.groupID, processID: $0.processID) }
    }

    /// `struct ucred`, which is what the option gives: the type has to fit it.
    private struct Credentials: Sendable {
        var processID: Int32 = 0
        var userID: UInt32 = 0
        var groupID: UInt32 = 0
    }

    /// How the caller is shown in logs.
    var text: String { "unix:uid=\(self.userID),gid=\(self.groupID),pid=\(self.processID)" }
}
