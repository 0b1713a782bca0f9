internal import CProtobufC
package import RPCCore

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
/// arena outlives the structures, because it is reset only when the call that began it returns.
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

    /// Lets `write` build the C form, measures it and packs it behind `prefix` zero bytes. All in one call, so that nothing can change
    /// between measuring and packing.
    @inlinable
    package static func encode<C>(
        reserving prefix: Int, _ write: (Arena) throws(WireError) -> UnsafeMutablePointer<C>
    ) throws(WireError) -> [UInt8] {
        let arena = Arena.begin(budget: WireLimits.arenaTotal)
        defer { arena.reset() }
        return unsafe self.pack(UnsafeMutableRawPointer(try write(arena)), reserving: prefix, in: arena)
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

    /// Bytes of an encoding that are made in the arena first.
    private static let smallSize = 2048

    /// `message` points to a C structure of a message, which begins with a `ProtobufCMessage`.
    @usableFromInline
    static func pack(_ message: UnsafeMutableRawPointer, reserving prefix: Int, in arena: Arena) -> [UInt8] {
        let message = unsafe message.assumingMemoryBound(to: ProtobufCMessage.self)
        let size = unsafe protobuf_c_message_get_packed_size(message)
        if prefix + size <= self.smallSize, let space = unsafe arena.allocate(prefix + size) {
            // Copied once more: an array that is made from a buffer needs no look at the type's metadata, which takes longer.
            let start = unsafe space.assumingMemoryBound(to: UInt8.self)
            unsafe start.initialize(repeating: 0, count: prefix)
            let packed = unsafe protobuf_c_message_pack(message, start + prefix)
            precondition(packed == size, "protobuf-c packed another size than it measured")
            return unsafe Array(UnsafeBufferPointer(start: start, count: prefix + size))
        }
        return unsafe [UInt8](unsafeUninitializedCapacity: prefix + size) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            unsafe start.initialize(repeating: 0, count: prefix)
            let packed = unsafe protobuf_c_message_pack(message, start + prefix)
            precondition(packed == size, "protobuf-c packed another size than it measured")
            count = prefix + size
        }
    }
}
