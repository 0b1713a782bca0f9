internal import HTTP2Session
internal import NIOCore
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

extension ServerConnection {
    var facts: ConnectionFacts? {
        guard let channel = self.openDriver?.channel else { return nil }
        let now = NIODeadline.now().uptimeNanoseconds
        func ago(_ time: UInt64) -> Duration? { time == 0 ? nil : .nanoseconds(Int64(now - min(time, now))) }
        var facts = ConnectionFacts()
        facts.local = channel.localAddress.flatMap { SocketPlace($0) }
        facts.remote = channel.remoteAddress.flatMap { SocketPlace($0) }
        facts.isEncrypted = self.server.configuration.tls != nil
        facts.streams = self.activity.streams
        facts.messagesSent = self.activity.messagesSent
        facts.messagesReceived = self.activity.messagesReceived
        facts.keepalivesSent = self.activity.keepalivesSent
        facts.lastStreamBegan = ago(self.activity.lastStreamAt)
        facts.lastMessageSent = ago(self.activity.lastSentAt)
        facts.lastMessageReceived = ago(self.activity.lastReceivedAt)
        facts.sendWindow = self.session.sendWindow
        facts.receiveWindow = self.session.receiveWindow
        return facts
    }
}

extension SocketPlace {
    /// Nil for an address of neither kind.
    init?(_ address: SocketAddress) {
        switch address {
        case .unixDomainSocket: self = .path(address.pathname ?? "")
        case .v4, .v6:
            guard let text = address.ipAddress, let bytes = Self.bytes(ofIP: text) else { return nil }
            self = .ip(bytes, port: address.port ?? 0)
        }
    }

    /// - Parameter text: as inet_ntop(3) writes addresses.
    static func bytes(ofIP text: String) -> [UInt8]? {
        guard text.contains(":") else { return self.bytes(ofDotted: text) }
        let halves = text.split(separator: "::", omittingEmptySubsequences: false).map { self.bytes(ofGroups: $0) }
        guard halves.count <= 2, let head = halves[0], let tail = halves.count == 2 ? halves[1] : [] else { return nil }
        let missing = 16 - head.count - tail.count
        guard halves.count == 2 ? missing >= 2 : missing == 0 else { return nil }
        return head + [UInt8](repeating: 0, count: missing) + tail
    }

    private static func bytes(ofDotted text: some StringProtocol) -> [UInt8]? {
        let bytes = text.split(separator: ".", omittingEmptySubsequences: false).compactMap { UInt8($0) }
        return bytes.count == 4 ? bytes : nil
    }

    /// Groups of four hexadecimal digits, the last of which may be an IPv4 address. A zone behind `%` names an interface, and is no part of it.
    private static func bytes(ofGroups text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        for group in text.prefix(while: { $0 != "%" }).split(separator: ":") {
            if group.contains(".") {
                guard let dotted = self.bytes(ofDotted: group) else { return nil }
                bytes += dotted
            } else {
                guard let value = UInt16(group, radix: 16) else { return nil }
                bytes += [UInt8(value >> 8), UInt8(value & 0xFF)]
            }
        }
        return bytes
    }
}
