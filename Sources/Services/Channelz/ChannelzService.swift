package import Fleet
package import NovitaiProto
package import RPCCore

/// The standard service that shows what the process's server, its channels and their connections do (gRFC A14). A channel has its sockets
/// itself, without subchannels. What talks to the provider is no channel of gRPC.
package struct ChannelzService: GrpcChannelzV1.ChannelzProtocol {
    typealias V1 = GrpcChannelzV1

    /// Sockets of one page.
    static let pageMax = 500

    private let directory: DiagnosticsDirectory
    private let clock: any Clock

    package init(_ directory: DiagnosticsDirectory, clock: any Clock) {
        self.directory = directory
        self.clock = clock
    }

    // MARK: The server

    package func getServers(_ request: GrpcChannelzV1.GetServersRequest, context: ServerContext) async throws
        -> GrpcChannelzV1.GetServersResponse
    {
        try Self.check(start: request.startServerId, "start_server_id", maxResults: request.maxResults)
        var response = V1.GetServersResponse()
        if request.startServerId <= ChannelzIDs.server, let server = self.directory.server {
            response.server = [ChannelzMapping.server(server)]
        }
        response.end = true
        return response
    }

    package func getServer(_ request: GrpcChannelzV1.GetServerRequest, context: ServerContext) async throws
        -> GrpcChannelzV1.GetServerResponse
    {
        var response = V1.GetServerResponse()
        response.server = ChannelzMapping.server(try self.server(request.serverId))
        return response
    }

    package func getServerSockets(_ request: GrpcChannelzV1.GetServerSocketsRequest, context: ServerContext) async throws
        -> GrpcChannelzV1.GetServerSocketsResponse
    {
        try Self.check(start: request.startSocketId, "start_socket_id", maxResults: request.maxResults)
        let server = try self.server(request.serverId)
        let limit = request.maxResults == 0 ? Self.pageMax : min(Self.pageMax, Int(clamping: request.maxResults))
        // Sorting thousands of numbers takes a millisecond: not on a connection's event loop. One more tells whether there are more.
        let numbers = await withTaskExecutorPreference(globalConcurrentExecutor) {
            server.connections(from: ChannelzIDs.firstConnection(from: request.startSocketId), limit: limit + 1)
        }
        var response = V1.GetServerSocketsResponse()
        response.socketRef = numbers.prefix(limit).map { ChannelzMapping.reference(toSocket: ChannelzIDs.id(of: .ofServer($0))) }
        response.end = numbers.count <= limit
        return response
    }

    package func getSocket(_ request: GrpcChannelzV1.GetSocketRequest, context: ServerContext) async throws
        -> GrpcChannelzV1.GetSocketResponse
    {
        var response = V1.GetSocketResponse()
        response.socket = try await self.socket(request.socketId)
        return response
    }

    private func server(_ id: Int64) throws -> any ServerDiagnostics {
        guard id == ChannelzIDs.server, let server = self.directory.server else { throw Self.notFound("server", id) }
        return server
    }

    private func socket(_ id: Int64) async throws -> V1.Socket {
        switch ChannelzIDs.socket(id) {
        case .listener:
            guard let address = self.directory.server?.listeningAddress else { break }
            return ChannelzMapping.listener(at: address)
        case .ofServer(let number):
            guard let facts = await self.directory.server?.connection(number) else { break }
            return ChannelzMapping.socket(id, facts, streamsBeginThere: true, at: self.clock.now)
        case .ofChannel(let index, let number):
            guard let facts = await self.channel(index)?.connection(number) else { break }
            return ChannelzMapping.socket(id, facts, streamsBeginThere: false, at: self.clock.now)
        case nil: break
        }
        throw Self.notFound("socket", id)
    }

    // MARK: Channels

    package func getTopChannels(_ request: GrpcChannelzV1.GetTopChannelsRequest, context: ServerContext) async throws
        -> GrpcChannelzV1.GetTopChannelsResponse
    {
        try Self.check(start: request.startChannelId, "start_channel_id", maxResults: request.maxResults)
        let limit = request.maxResults == 0 ? Int.max : Int(clamping: request.maxResults)
        let channels = self.directory.channels.enumerated().filter { ChannelzIDs.channel($0.offset) >= request.startChannelId }
        var response = V1.GetTopChannelsResponse()
        for (index, channel) in channels.prefix(limit) {
            if let facts = await channel.facts() { response.channel.append(ChannelzMapping.channel(index, facts, at: self.clock.now)) }
        }
        response.end = channels.count <= limit
        return response
    }

    package func getChannel(_ request: GrpcChannelzV1.GetChannelRequest, context: ServerContext) async throws
        -> GrpcChannelzV1.GetChannelResponse
    {
        guard let index = ChannelzIDs.index(ofChannel: request.channelId), let facts = await self.channel(index)?.facts() else {
            throw Self.notFound("channel", request.channelId)
        }
        var response = V1.GetChannelResponse()
        response.channel = ChannelzMapping.channel(index, facts, at: self.clock.now)
        return response
    }

    package func getSubchannel(_ request: GrpcChannelzV1.GetSubchannelRequest, context: ServerContext) async throws
        -> GrpcChannelzV1.GetSubchannelResponse
    {
        throw Self.notFound("subchannel", request.subchannelId)
    }

    private func channel(_ index: Int) -> (any ChannelDiagnostics)? {
        let channels = self.directory.channels
        return channels.indices.contains(index) ? channels[index] : nil
    }

    // MARK: Refusals

    private static func check(start: Int64, _ field: String, maxResults: Int64) throws {
        var violations: [FieldViolation] = []
        if start < 0 { violations.append(FieldViolation(field, "must not be negative")) }
        if maxResults < 0 { violations.append(FieldViolation("max_results", "must not be negative")) }
        guard violations.isEmpty else { throw ErrorDetails(FleetError.invalid(violations)).error }
    }

    private static func notFound(_ kind: String, _ id: Int64) -> RPCError {
        ErrorDetails.notFound("grpc.channelz.v1.\(kind)", "\(id)").error
    }
}
