/// What people who look for a fault ask a channel of ours about itself and its connections: a client's half of channelz.
package protocol ChannelDiagnostics: Sendable {
    /// Nil when the channel's thread is gone.
    func facts() async -> ChannelFacts?
    /// - Parameter number: of those that `facts` names.
    /// - Returns: nil for a connection that is not there any more.
    func connection(_ number: UInt64) async -> ConnectionFacts?
}

/// A channel as it is now.
package struct ChannelFacts: Sendable {
    /// Its addresses, in the order in which they are tried.
    package var target = ""
    package var connectivity = ChannelMachine.Connectivity.idle
    package var calls = CallCounts()
    /// How long ago; nil is never.
    package var lastCallBegan: Duration?
    /// The numbers of its connections, growing: the one in use, one that is being made, those that finish their last calls.
    package var connections: [UInt64] = []

    package init() {}
}
