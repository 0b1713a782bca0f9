package import Fleet
package import NovitaiProto
package import RPCCore

/// The standard service that shows what a server's connections do (gRFC A14). There is one server in the process and no channel to others: what
/// talks to the provider is no channel of gRPC.
package struct ChannelzService: GrpcChannelzV1.ChannelzProtocol {
    typealias V1 = GrpcChannelzV1

    /// Sockets of one page.
    static let pageMax = 500

    private let directory: ServerDirectory
    private let clock: any Clock

    package init(_ directory: ServerDirectory, clock: any Clock) {
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
        response.socketRef = numbers.prefix(limit).map { ChannelzMapping.reference(toSocket: ChannelzIDs.socket(ofConnection: $0)) }
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
        guard let server = self.directory.server else { throw Self.notFound("socket", id) }
        if id == ChannelzIDs.listener {
            guard let address = server.listeningAddress else { throw Self.notFound("socket", id) }
            return ChannelzMapping.listener(at: address)
        }
        guard let number = ChannelzIDs.connection(ofSocket: id), let facts = await server.connection(number) else {
            throw Self.notFound("socket", id)
        }
        return ChannelzMapping.socket(id, facts, at: self.clock.now)
    }

    // MARK: Channels, of which there are none

    package func getTopChannels(_ request: GrpcChannelzV1.GetTopChannelsRequest, context: ServerContext) async throws
        -> GrpcChannelzV1.GetTopChannelsResponse
    {
        try Self.check(start: request.startChannelId, "start_channel_id", maxResults: request.maxResults)
        var response = V1.GetTopChannelsResponse()
        response.end = true
        return response
    }

    package func getChannel(_ request: GrpcChannelzV1.GetChannelRequest, context: ServerContext) async throws
        -> GrpcChannelzV1.GetChannelResponse
    {
        throw Self.notFound("channel", request.channelId)
    }

    package func getSubchannel(_ request: GrpcChannelzV1.GetSubchannelRequest, context: ServerContext) async throws
        -> GrpcChannelzV1.GetSubchannelResponse
    {
        throw Self.notFound("subchannel", request.subchannelId)
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

/// Channelz numbers everything of a process in one sequence.
enum ChannelzIDs {
    static let server: Int64 = 1
    static let listener: Int64 = 2

    /// Connections are numbered from 1.
    static func socket(ofConnection number: UInt64) -> Int64 { Int64(number) + self.listener }

    /// Nil for what is no connection's socket.
    static func connection(ofSocket id: Int64) -> UInt64? { id > self.listener ? UInt64(id - self.listener) : nil }

    static func firstConnection(from id: Int64) -> UInt64 { self.connection(ofSocket: id) ?? 1 }
}
