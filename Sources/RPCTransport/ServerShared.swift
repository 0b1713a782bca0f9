internal import HTTP2Session
internal import RPCCore

/// What all connections of a server share.
final class ServerShared: Sendable {
    let routes: RouteTable
    let configuration: RPCServerConfiguration
    let counters = ServerCounters()

    init(routes: RouteTable, configuration: RPCServerConfiguration) {
        self.routes = routes
        self.configuration = configuration
    }

    /// Calls that only wait, of one connection.
    var waitingCallsMax: Int {
        max(1, Int(self.configuration.session.maxConcurrentStreams) * self.configuration.waitingCallsPercent / 100)
    }
}
