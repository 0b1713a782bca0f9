internal import HTTP2Session
internal import NIOCore
internal import NIOSSL
internal import RPCCore

/// What one connection has seen, for channelz. Times are nanoseconds of uptime, and 0 is never.
struct ConnectionActivity {
    var streams = CallCounts()
    var messagesSent = 0
    var messagesReceived = 0
    var keepalivesSent = 0
    var lastStreamAt: UInt64 = 0
    var lastSentAt: UInt64 = 0
    var lastReceivedAt: UInt64 = 0
    /// Of `messagesSent`, those whose time is in `lastSentAt`.
    private var timedCount = 0

    /// To be called once per turn of the loop: messages are not worth a look at the clock each.
    mutating func noteSent() {
        guard self.timedCount != self.messagesSent else { return }
        self.timedCount = self.messagesSent
        self.lastSentAt = NIODeadline.now().uptimeNanoseconds
    }
}

extension ConnectionFacts {
    /// On the channel's loop.
    init(_ channel: any Channel, _ session: HTTP2Session, _ activity: ConnectionActivity) {
        let now = NIODeadline.now().uptimeNanoseconds
        func ago(_ time: UInt64) -> Duration? { time == 0 ? nil : .nanoseconds(Int64(now - min(time, now))) }
        self.init()
        self.local = channel.localAddress.flatMap { SocketPlace($0) }
        self.remote = channel.remoteAddress.flatMap { SocketPlace($0) }
        if let tls = try? channel.pipeline.syncOperations.handler(type: NIOSSLHandler.self) {
            self.isEncrypted = true
            self.peerCertificate = try? tls.peerCertificate?.toDERBytes()
        }
        self.streams = activity.streams
        self.messagesSent = activity.messagesSent
        self.messagesReceived = activity.messagesReceived
        self.keepalivesSent = activity.keepalivesSent
        self.lastStreamBegan = ago(activity.lastStreamAt)
        self.lastMessageSent = ago(activity.lastSentAt)
        self.lastMessageReceived = ago(activity.lastReceivedAt)
        self.sendWindow = session.sendWindow
        self.receiveWindow = session.receiveWindow
    }
}
