internal import Fleet
internal import NovitaiProto
internal import RPCCore

/// A server's facts as channelz tells them.
enum ChannelzMapping {
    typealias V1 = GrpcChannelzV1

    static func server(_ server: any ServerDiagnostics) -> V1.Server {
        var message = V1.Server()
        message.ref = V1.ServerRef()
        message.ref?.serverId = ChannelzIDs.server
        message.ref?.name = "novitaid"
        var data = V1.ServerData()
        let counts = server.callCounts
        data.callsStarted = Int64(counts.started)
        data.callsSucceeded = Int64(counts.succeeded)
        data.callsFailed = Int64(counts.failed)
        message.data = data
        if server.listeningAddress != nil { message.listenSocket = [self.reference(toSocket: ChannelzIDs.listener)] }
        return message
    }

    static func reference(toSocket id: Int64) -> V1.SocketRef {
        var reference = V1.SocketRef()
        reference.socketId = id
        return reference
    }

    static func channel(_ index: Int, _ facts: ChannelFacts, at now: Timestamp) -> V1.Channel {
        var message = V1.Channel()
        message.ref = V1.ChannelRef()
        message.ref?.channelId = ChannelzIDs.channel(index)
        message.ref?.name = facts.target
        var data = V1.ChannelData()
        data.state = V1.ChannelConnectivityState()
        data.state?.state = self.state(facts.connectivity)
        data.target = facts.target
        data.callsStarted = Int64(facts.calls.started)
        data.callsSucceeded = Int64(facts.calls.succeeded)
        data.callsFailed = Int64(facts.calls.failed)
        data.lastCallStartedTimestamp = self.time(facts.lastCallBegan, before: now)
        message.data = data
        message.socketRef = facts.connections.map { self.reference(toSocket: ChannelzIDs.id(of: .ofChannel(index, $0))) }
        return message
    }

    private static func state(_ connectivity: ChannelMachine.Connectivity) -> V1.ChannelConnectivityState.State {
        switch connectivity {
        case .idle: .idle
        case .connecting: .connecting
        case .ready: .ready
        case .transientFailure: .transientFailure
        case .shutdown: .shutdown
        }
    }

    static func listener(at place: SocketPlace) -> V1.Socket {
        var message = V1.Socket()
        message.ref = self.reference(toSocket: ChannelzIDs.listener)
        message.local = self.address(place)
        return message
    }

    /// - Parameter streamsBeginThere: at the other end, as those of a server do.
    static func socket(_ id: Int64, _ facts: ConnectionFacts, streamsBeginThere: Bool, at now: Timestamp) -> V1.Socket {
        var message = V1.Socket()
        message.ref = self.reference(toSocket: id)
        message.local = facts.local.map { self.address($0) }
        message.remote = facts.remote.map { self.address($0) }
        if facts.isEncrypted {
            // The cipher is nothing that swift-nio-ssl tells.
            var tls = V1.Security.Tls()
            tls.remoteCertificate = facts.peerCertificate ?? []
            message.security = V1.Security()
            message.security?.model = .tls(tls)
        }
        var data = self.data(facts, at: now)
        let began = self.time(facts.lastStreamBegan, before: now)
        if streamsBeginThere { data.lastRemoteStreamCreatedTimestamp = began } else { data.lastLocalStreamCreatedTimestamp = began }
        message.data = data
        return message
    }

    private static func time(_ ago: Duration?, before now: Timestamp) -> GoogleProtobuf.Timestamp? {
        ago.map { GoogleProtobuf.Timestamp(now - $0) }
    }

    private static func data(_ facts: ConnectionFacts, at now: Timestamp) -> V1.SocketData {
        var data = V1.SocketData()
        data.streamsStarted = Int64(facts.streams.started)
        data.streamsSucceeded = Int64(facts.streams.succeeded)
        data.streamsFailed = Int64(facts.streams.failed)
        data.messagesSent = Int64(facts.messagesSent)
        data.messagesReceived = Int64(facts.messagesReceived)
        data.keepAlivesSent = Int64(facts.keepalivesSent)
        data.lastMessageSentTimestamp = self.time(facts.lastMessageSent, before: now)
        data.lastMessageReceivedTimestamp = self.time(facts.lastMessageReceived, before: now)
        data.localFlowControlWindow = self.value(facts.sendWindow)
        data.remoteFlowControlWindow = self.value(facts.receiveWindow)
        return data
    }

    private static func value(_ number: Int) -> GoogleProtobuf.Int64Value {
        var value = GoogleProtobuf.Int64Value()
        value.value = Int64(number)
        return value
    }

    private static func address(_ place: SocketPlace) -> V1.Address {
        var address = V1.Address()
        switch place {
        case .ip(let bytes, let port):
            var tcp = V1.Address.TcpIpAddress()
            tcp.ipAddress = bytes
            tcp.port = Int32(clamping: port)
            address.address = .tcpipAddress(tcp)
        case .path(let path):
            var file = V1.Address.UdsAddress()
            file.filename = path
            address.address = .udsAddress(file)
        }
        return address
    }
}
