internal import Compression
internal import HTTP2Session
internal import RPCCore

/// What all connections of a server share.
final class ServerShared: Sendable {
    let routes: RouteTable
    let configuration: RPCServerConfiguration
    let counters = ServerCounters()
    let memory: HeldMemory
    private let decoders: [MessageDecoder]

    init(routes: RouteTable, configuration: RPCServerConfiguration) {
        self.routes = routes
        self.configuration = configuration
        self.memory = HeldMemory(limit: configuration.heldBytesMax, requestLimit: configuration.heldRequestBytesMax)
        let unfolding = UnfoldingBudget(
            burst: configuration.unfoldedBytesMax, perSecond: configuration.unfoldedBytesPerSecond * configuration.threadCount)
        self.decoders = MessageCodecs.standard.all.map { MessageDecoder($0, limit: configuration.requestSizeMax, budget: unfolding) }
    }

    func decoder(for codec: MessageCodec?) -> MessageDecoder? { codec.flatMap { codec in self.decoders.first { $0.codec === codec } } }

    /// Calls that only wait, of one connection.
    var waitingCallsMax: Int {
        max(1, Int(self.configuration.session.maxConcurrentStreams) * self.configuration.waitingCallsPercent / 100)
    }
}
