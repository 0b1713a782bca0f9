internal import CProtobufC
public import RPCCore

/// A message type that the generator made from a `.proto` file.
///
/// Unknown fields are dropped when a message is decoded, unknown enum values are kept.
package protocol ProtobufMessage: RPCMessage, Equatable {
    /// The full name, as `google.rpc.Status`.
    static var protobufName: String { get }
    /// The message whose fields all have their default.
    init()
}

extension ProtobufMessage {
    /// Decodes bytes that are kept in an array, as ``RPCMessage/init(decoding:)`` does.
    package init(decoding bytes: [UInt8]) throws(RPCError) {
        // Proof: a span's bytes are unsafe to see only where a type has padding, and `UInt8` has none.
        self = unsafe try Self(decoding: bytes.span.bytes)
    }

    /// The encoding alone.
    package func encoded() throws(RPCError) -> [UInt8] { try self.encoded(reserving: 0) }
}

/// An enum type that the generator made: any 32-bit value, the known ones with names.
package protocol ProtobufEnum: RawRepresentable<Int32>, Hashable, Sendable, CustomStringConvertible {
    init(rawValue: Int32)
    /// The declared values with their names in the `.proto` file.
    static var declaredValues: [(value: Self, name: String)] { get }
}

extension ProtobufEnum {
    /// The value of the name that the `.proto` file gives it.
    package init?(name: String) {
        guard let found = Self.declaredValues.first(where: { $0.name == name }) else { return nil }
        self = found.value
    }

    /// The name in the `.proto` file, or the number of a value that it does not name.
    package var description: String {
        Self.declaredValues.first { $0.value == self }?.name ?? String(self.rawValue)
    }
}

/// What generated code calls. Nothing here suspends, and no pointer outlives the call that made it.
///
/// Proof of every `unsafe` in here: generated code passes the descriptor, the initialiser and the C type of one and the same message; the
/// arena outlives the structures and what is lent of it, because it is reset only when the call that began it returns.
@usableFromInline
package enum Wire {
    /// Checks and unpacks `bytes`, and lets `read` make a Swift value of the result.
    @inlinable
    package static func decode<C, Message>(
        _ bytes: RawSpan, _ descriptor: UnsafeRawPointer?,
        _ read: (UnsafePointer<C>) throws(WireError) -> Message
    ) throws(WireError) -> Message {
        let arena = Arena.begin(budget: WireLimits.unpackBudget(for: bytes.byteCount))
        defer { arena.reset() }
        return try unsafe read(self.unpack(bytes, descriptor, in: arena).assumingMemoryBound(to: C.self))
    }

    /// Lets `write` build the C form of `message`, measures it and packs it behind `prefix` zero bytes. All in one call, so that nothing can
    /// change between measuring and packing.
    @inlinable
    package static func encode<Message, C>(
        _ message: Message, reserving prefix: Int, _ write: (Message, Arena) throws(WireError) -> UnsafeMutablePointer<C>
    ) throws(RPCError) -> [UInt8] {
        let arena = Arena.begin(budget: WireLimits.arenaTotal)
        // What the C form borrows of the message is used until then (`Arena.borrow`).
        defer { withExtendedLifetime(message) { arena.reset() } }
        do throws(WireError) {
            return unsafe self.pack(UnsafeMutableRawPointer(try write(message, arena)), reserving: prefix, in: arena)
        } catch { throw RPCError(error) }
    }

    /// Packs `message` with its prefix where `place` has room for it, when it is small.
    @inlinable
    package static func place<Message, C>(
        _ message: Message, at place: MessagePlace, _ write: (Message, Arena) throws(WireError) -> UnsafeMutablePointer<C>
    ) throws(RPCError) -> PlacedMessage {
        let arena = Arena.begin(budget: WireLimits.arenaTotal)
        defer { withExtendedLifetime(message) { arena.reset() } }
        let structure: UnsafeMutableRawPointer
        do throws(WireError) { unsafe structure = UnsafeMutableRawPointer(try write(message, arena)) } catch { throw RPCError(error) }
        return try unsafe self.place(structure, in: arena, at: place)
    }

    /// `descriptor` points to the `ProtobufCMessageDescriptor` of the type. Untyped, because the C modules of generated code have a
    /// `ProtobufCMessageDescriptor` each as far as Swift is concerned.
    @usableFromInline
    static func unpack(_ bytes: RawSpan, _ descriptor: UnsafeRawPointer?, in arena: Arena) throws(WireError) -> UnsafeRawPointer {
        guard let descriptor = unsafe descriptor?.assumingMemoryBound(to: ProtobufCMessageDescriptor.self) else {
            throw WireError(.malformed)
        }
        return try unsafe bytes.withUnsafeBytes { (buffer) throws(WireError) in
            // The C form points to these bytes, which the caller of `decode` lends until that returns. An empty message has none.
            let base = unsafe buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            if let message = try unsafe PreScan.scan(bytes, at: base, as: descriptor, in: arena) { return UnsafeRawPointer(message) }
            // What has been filled in so far is no use.
            arena.reset()
            let arena = Arena.begin(budget: WireLimits.unpackBudget(for: bytes.byteCount))
            guard let message = unsafe protobuf_c_message_unpack(descriptor, arena.allocator, buffer.count, base) else {
                throw WireError(unsafe arena.state.pointee.isExhausted ? .tooLarge : .malformed)
            }
            return UnsafeRawPointer(message)
        }
    }

    /// Bytes of an encoding, with its prefix, that are made in the arena first: to copy so many again is cheaper than to have memory for them. What
    /// waits for its stream is copied to others up to the same size.
    private static let smallSize = 2048

    /// `message` points to a C structure of a message, which begins with a `ProtobufCMessage`.
    @usableFromInline
    static func pack(_ message: UnsafeMutableRawPointer, reserving prefix: Int, in arena: Arena) -> [UInt8] {
        let message = unsafe message.assumingMemoryBound(to: ProtobufCMessage.self)
        let size = unsafe DirectPacking.measure(message)
        // Copied once more: an array that is made from a buffer needs no look at the type's metadata, which takes longer.
        if let small = unsafe self.packSmall(message, size, reserving: prefix, in: arena) { return unsafe Array(small) }
        return unsafe [UInt8](unsafeUninitializedCapacity: prefix + size) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            unsafe self.pack(message, size, at: start, behind: prefix)
            count = prefix + size
        }
    }

    @usableFromInline
    static func place(_ structure: UnsafeMutableRawPointer, in arena: Arena, at place: MessagePlace) throws(RPCError) -> PlacedMessage {
        let message = unsafe structure.assumingMemoryBound(to: ProtobufCMessage.self)
        let size = unsafe DirectPacking.measure(message)
        guard MessagePrefix.size + size <= self.smallSize else {
            return .large(try MessagePrefix.completed(unsafe self.pack(structure, reserving: MessagePrefix.size, in: arena)))
        }
        // A message that was encoded or decoded meanwhile would overwrite what is to be packed.
        arena.isBusy = true
        defer { arena.isBusy = false }
        return .sent(
            try place(MessagePrefix.size + size) { output in
                unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                    let framed = unsafe UnsafeMutableBufferPointer(rebasing: buffer[count..<(count + MessagePrefix.size + size)])
                    guard let start = framed.baseAddress else { return }
                    unsafe self.pack(message, size, at: start, behind: MessagePrefix.size)
                    var span = unsafe framed.mutableSpan
                    MessagePrefix.fill(&span)
                    count += MessagePrefix.size + size
                }
            })
    }

    /// In the arena, until it is reset; nil for a message that is not small.
    private static func packSmall(
        _ message: UnsafeMutablePointer<ProtobufCMessage>, _ size: Int, reserving prefix: Int, in arena: Arena
    ) -> UnsafeMutableBufferPointer<UInt8>? {
        guard prefix + size <= self.smallSize, let space = unsafe arena.allocate(prefix + size) else { return nil }
        let start = unsafe space.assumingMemoryBound(to: UInt8.self)
        unsafe self.pack(message, size, at: start, behind: prefix)
        return unsafe UnsafeMutableBufferPointer(start: start, count: prefix + size)
    }

    private static func pack(
        _ message: UnsafeMutablePointer<ProtobufCMessage>, _ size: Int, at start: UnsafeMutablePointer<UInt8>, behind prefix: Int
    ) {
        unsafe start.initialize(repeating: 0, count: prefix)
        let end = unsafe DirectPacking.pack(message, at: start + prefix)
        precondition(unsafe end - start == prefix + size, "a message was packed into another size than was measured")
    }
}
