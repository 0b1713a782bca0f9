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

    /// An instance of the read model as a part of another message: without the prefix.
    func part(_ instance: Instance) throws(RPCError) -> ArraySlice<UInt8> {
        let known = self.state.withLock { $0.replies[instance.id] }
        let framed = if let known, known.revision == instance.revision { known.framed } else { try self.reply(instance) }
        return framed[MessagePrefix.size...]
    }

    private func reply(_ instance: Instance) throws(RPCError) -> [UInt8] {
        let reply = Reply(revision: instance.revision, framed: try NovitaiV1.Instance(instance).framed())
        self.state.withLock { $0.keep(reply, for: instance.id, bytesMax: self.bytesMax) }
        return reply.framed
    }
}

extension EncodedInstances.State {
    fileprivate mutating func keep(_ reply: EncodedInstances.Reply, for id: InstanceID, bytesMax: Int) {
        // A slower caller may come with an older revision; the next one then encodes again.
        if let before = self.replies.updateValue(reply, forKey: id) { self.bytes -= before.framed.count }
        self.bytes += reply.framed.count
        guard self.bytes > bytesMax else { return }
        self.replies.removeAll()
        self.bytes = 0
    }
}
