internal import RPCCore
internal import Synchronization

/// What all connections of a server hold for their clients, against what they may hold together.
///
/// Connections tell it whenever they have sent or received something.
final class HeldMemory: Sendable {
    /// One connection's part, in bytes.
    struct Share: Equatable {
        /// Of responses that wait for the client's windows, or for its socket when that takes no more.
        var responses = 0
        /// Of request messages that are incomplete, or that no handler has taken.
        var requests = 0
    }

    private let limit: Int
    private let requestLimit: Int
    private let responses = Atomic<Int>(0)
    private let requests = Atomic<Int>(0)
    private let refusals = Atomic<Int>(0)

    /// - Parameters:
    ///   - limit: bytes, of responses and requests.
    ///   - requestLimit: of these, bytes of requests.
    init(limit: Int, requestLimit: Int) {
        self.limit = limit
        self.requestLimit = requestLimit
    }

    func change(from old: Share, to new: Share) {
        if new.responses != old.responses { self.responses.wrappingAdd(new.responses - old.responses, ordering: .relaxed) }
        if new.requests != old.requests { self.requests.wrappingAdd(new.requests - old.requests, ordering: .relaxed) }
    }

    var share: Share { Share(responses: self.responses.load(ordering: .relaxed), requests: self.requests.load(ordering: .relaxed)) }

    /// Calls that were refused for want of memory.
    var refusalCount: Int { self.refusals.load(ordering: .relaxed) }

    /// - Throws: RESOURCE_EXHAUSTED when too much is held to begin a call.
    func admit() throws(RPCError) {
        let share = self.share
        if share.responses + share.requests > self.limit { throw self.refusal() }
    }

    /// - Throws: RESOURCE_EXHAUSTED when too much is held to go on with a request that is large already.
    func admitLargeRequest() throws(RPCError) {
        if self.requests.load(ordering: .relaxed) > self.requestLimit { throw self.refusal() }
        try self.admit()
    }

    private func refusal() -> RPCError {
        self.refusals.wrappingAdd(1, ordering: .relaxed)
        return RPCError(code: .resourceExhausted, message: "the server holds too much for its clients at present; call again later")
    }
}
