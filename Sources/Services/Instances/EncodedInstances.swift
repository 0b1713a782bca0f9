internal import Fleet
internal import NovitaiProto
internal import RPCCore
internal import Synchronization

/// Instances as replies, so that one that is asked for again and again is encoded once for each of its revisions.
final class EncodedInstances: Sendable {
    /// Bytes of replies that are kept. All are forgotten when there are more: those that are asked for are soon back.
    private let bytesMax: Int

    fileprivate struct Reply {
        let revision: Revision
        /// With its prefix, as it travels.
        let framed: [UInt8]

        init(_ instance: Instance) throws(RPCError) {
            self.revision = instance.revision
            self.framed = try NovitaiV1.Instance(instance).framed()
        }
    }

    fileprivate struct State {
        var replies: [InstanceID: Reply] = [:]
        var bytes = 0
    }

    private let state = Mutex(State())

    init(bytesMax: Int = 16 << 20) {
        self.bytesMax = bytesMax
    }

    /// Bytes that are kept now.
    var bytes: Int { self.state.withLock { $0.bytes } }

    /// nil when the read model has no such instance of `tenant`.
    func reply(_ id: InstanceID, of tenant: TenantID, in view: View) throws(RPCError) -> [UInt8]? {
        guard let revision = view.revision(of: id, in: tenant) else { return nil }
        if let known = self.state.withLock({ $0.replies[id] }), known.revision == revision { return known.framed }
        guard let instance = view.instance(id), instance.tenant == tenant else { return nil }
        return try self.reply(instance)
    }

    /// An instance of the read model as a part of another message: without the prefix. Kept as long as three quarters are not full, so that long
    /// lists push out none that is asked for by itself.
    func part(_ instance: Instance) throws(RPCError) -> ArraySlice<UInt8> {
        let known = self.state.withLock { $0.replies[instance.id] }
        if let known, known.revision == instance.revision { return known.framed[MessagePrefix.size...] }
        let reply = try Reply(instance)
        self.state.withLock { state in
            let bytesBefore = state.replies[instance.id]?.framed.count ?? 0
            if state.bytes - bytesBefore + reply.framed.count <= self.bytesMax / 4 * 3 { state.keep(reply, for: instance.id) }
        }
        return reply.framed[MessagePrefix.size...]
    }

    private func reply(_ instance: Instance) throws(RPCError) -> [UInt8] {
        let reply = try Reply(instance)
        // Freed when the lock is: there may be thousands, and event loops wait for it.
        let forgotten = self.state.withLock { state in
            state.keep(reply, for: instance.id)
            return state.bytes > self.bytesMax ? state.forgetAll() : [:]
        }
        withExtendedLifetime(forgotten) {}
        return reply.framed
    }
}

extension EncodedInstances.State {
    fileprivate mutating func keep(_ reply: EncodedInstances.Reply, for id: InstanceID) {
        // A slower caller may come with an older revision; the next one then encodes again.
        if let before = self.replies.updateValue(reply, forKey: id) { self.bytes -= before.framed.count }
        self.bytes += reply.framed.count
    }

    fileprivate mutating func forgetAll() -> [InstanceID: EncodedInstances.Reply] {
        defer { self = Self() }
        return self.replies
    }
}
