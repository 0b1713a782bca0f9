internal import Fleet
internal import NovitaiProto
internal import ProtobufWire
internal import RPCCore
internal import Synchronization

/// The newest changes as they travel, so that a change is encoded once however many watch.
final class EncodedEvents: Sendable {
    /// Changes that are kept: watchers that are nearly up to date ask for the same few.
    static let keptMax = 1024
    /// Bytes of instances that are kept for watches that begin. All are forgotten when there are more: those that live are soon back.
    static let snapshotBytesMax = 16 << 20

    fileprivate struct State {
        var bytes: [Revision: [UInt8]] = [:]
        /// Instances as watches begin with them, by the revision that made them so.
        var snapshots: [Revision: [UInt8]] = [:]
        var snapshotBytes = 0
        var order: [Revision] = []
        var next = 0
    }

    private let state = Mutex(State())

    func encoded(
        _ instance: Instance, at revision: Revision, changeCount: Int, as kind: NovitaiV1.InstanceEventKind
    ) throws(RPCError) -> [UInt8] {
        guard kind == .changed, changeCount == 1 else { return try Self.encode(instance, revision, changeCount, kind) }
        if let known = self.state.withLock({ $0.bytes[revision] }) { return known }
        let bytes = try Self.encode(instance, revision, changeCount, kind)
        self.state.withLock { $0.keep(bytes, for: revision) }
        return bytes
    }

    /// An instance as it stands at the watch's beginning: one that lives, or one that is over and was asked for by its id.
    /// Each is encoded once for all watches that begin while it stays as it is.
    func snapshot(_ instance: Instance) throws(RPCError) -> [UInt8] {
        if let known = self.state.withLock({ $0.snapshots[instance.revision] }) { return known }
        let kind: NovitaiV1.InstanceEventKind = instance.state.isFinal ? .removed : .snapshot
        let bytes = try Self.encode(instance, instance.revision, 1, kind)
        self.state.withLock { $0.keep(snapshot: bytes, of: instance.revision) }
        return bytes
    }

    private static func encode(
        _ instance: Instance, _ revision: Revision, _ changeCount: Int, _ kind: NovitaiV1.InstanceEventKind
    ) throws(RPCError) -> [UInt8] {
        var event = NovitaiV1.InstanceEvent()
        event.kind = kind
        event.instance = NovitaiV1.Instance(instance)
        event.revision = revision.number
        event.changeCount = UInt32(clamping: changeCount)
        return try event.encoded(reserving: 0)
    }
}

extension EncodedEvents.State {
    fileprivate mutating func keep(snapshot: [UInt8], of revision: Revision) {
        if self.snapshotBytes + snapshot.count > EncodedEvents.snapshotBytesMax {
            self.snapshots = [:]
            self.snapshotBytes = 0
        }
        if self.snapshots.updateValue(snapshot, forKey: revision) == nil { self.snapshotBytes += snapshot.count }
    }

    fileprivate mutating func keep(_ encoded: [UInt8], for revision: Revision) {
        guard self.bytes.updateValue(encoded, forKey: revision) == nil else { return }
        if self.order.count < EncodedEvents.keptMax {
            self.order.append(revision)
        } else {
            self.bytes[self.order[self.next]] = nil
            self.order[self.next] = revision
            self.next = (self.next + 1) % EncodedEvents.keptMax
        }
    }
}
