internal import CProtobufC

/// Fills the C form of a message while ``PreScan`` walks over its bytes, so that most messages are gone over once.
///
/// What needs merging or counting first (a message field that comes twice, a second member of a oneof, repeated numbers) is left to protobuf-c,
/// whose structures these are. Strings and bytes are not copied: they point into the message, which outlives the structures (``Wire/decode``).
///
/// Proof of every `unsafe` in this file: descriptors are constants that protoc-gen-c made, so their sizes, offsets and types agree with the
/// structures that their initialisers make; ranges were checked to lie within the bytes.
@safe
struct DirectUnpacking {
    private let arena: Arena
    private let base: UnsafePointer<UInt8>?
    /// Whether all that was met so far could be filled in.
    private(set) var isComplete = true

    /// `base` is where the scanned bytes begin, nil when there are none. They stay there as long as the structures are used.
    init(_ base: UnsafePointer<UInt8>?, in arena: Arena) {
        unsafe self.base = base
        self.arena = arena
    }

    /// An empty message of the type; nil when there is no memory for it, or when it is no use any more.
    @inline(__always)
    mutating func make(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) -> UnsafeMutableRawPointer? {
        guard self.isComplete else { return nil }
        guard let initialize = unsafe descriptor.pointee.message_init,
            let memory = unsafe self.arena.allocate(descriptor.pointee.sizeof_message)
        else {
            self.isComplete = false
            return nil
        }
        unsafe initialize(memory.assumingMemoryBound(to: ProtobufCMessage.self))
        return unsafe memory
    }

    /// Puts a field into its message, a number or bytes.
    @inline(__always)
    mutating func set(_ field: UnsafePointer<ProtobufCFieldDescriptor>, of message: UnsafeMutableRawPointer, to content: WireContent) {
        let isRepeated = unsafe field.pointee.label == PROTOBUF_C_LABEL_REPEATED
        guard unsafe !isRepeated || field.pointee.type == PROTOBUF_C_TYPE_BYTES, let place = unsafe self.place(of: field, in: message),
            unsafe self.store(content, as: field.pointee.type, at: place)
        else { return self.isComplete = false }
    }

    /// The message that a field of message type is to be filled into, made here.
    @inline(__always)
    mutating func nested(
        _ field: UnsafePointer<ProtobufCFieldDescriptor>, of message: UnsafeMutableRawPointer?,
        as descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) -> UnsafeMutableRawPointer? {
        guard let message = unsafe message, self.isComplete else { return nil }
        let isRepeated = unsafe field.pointee.label == PROTOBUF_C_LABEL_REPEATED
        guard let place = unsafe self.place(of: field, in: message)?.assumingMemoryBound(to: UnsafeMutableRawPointer?.self),
            // A field that comes twice is merged.
            unsafe isRepeated || place.pointee == nil
        else {
            self.isComplete = false
            return nil
        }
        unsafe place.pointee = self.make(descriptor)
        return unsafe place.pointee
    }

    // MARK: Where a field goes

    /// Where its value is to be stored, its presence being noted; nil when that is not so simple.
    @inline(__always)
    private func place(of field: UnsafePointer<ProtobufCFieldDescriptor>, in message: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        let place = unsafe message + Int(field.pointee.offset)
        let quantifier = unsafe message + Int(field.pointee.quantifier_offset)
        if unsafe field.pointee.flags & UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) != 0 {
            // The quantifier is the number of the member that is there.
            let member = unsafe quantifier.assumingMemoryBound(to: UInt32.self)
            guard unsafe member.pointee == 0 else { return nil }
            unsafe member.pointee = field.pointee.id
            return unsafe place
        }
        switch unsafe field.pointee.label {
        case PROTOBUF_C_LABEL_NONE: return unsafe place
        case PROTOBUF_C_LABEL_OPTIONAL:
            // Of messages, the pointer itself says whether there is one.
            if unsafe field.pointee.quantifier_offset != 0 { unsafe quantifier.storeBytes(of: 1, as: protobuf_c_boolean.self) }
            return unsafe place
        case PROTOBUF_C_LABEL_REPEATED:
            let isMessage = unsafe field.pointee.type == PROTOBUF_C_TYPE_MESSAGE
            let size = unsafe isMessage ? MemoryLayout<UnsafeMutableRawPointer?>.stride : MemoryLayout<ProtobufCBinaryData>.stride
            return unsafe self.grow(
                place.assumingMemoryBound(to: UnsafeMutableRawPointer?.self), quantifier.assumingMemoryBound(to: Int.self), by: size)
        default: return nil
        }
    }

    /// Room for one more element of `size` bytes in a list of `count`, which doubles when it is full: at 1, 2, 4, 8… elements.
    private func grow(
        _ list: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ count: UnsafeMutablePointer<Int>, by size: Int
    ) -> UnsafeMutableRawPointer? {
        let old = unsafe count.pointee
        if old & (old - 1) == 0 {
            guard let memory = unsafe self.arena.allocate(max(1, 2 * old) * size) else { return nil }
            if let elements = unsafe list.pointee { unsafe memory.copyMemory(from: elements, byteCount: old * size) }
            unsafe list.pointee = memory
        }
        unsafe count.pointee = old + 1
        return unsafe list.pointee.map { unsafe $0 + old * size }
    }

    /// - Returns: whether the type is one that can be stored so.
    @inline(__always)
    private func store(_ content: WireContent, as type: ProtobufCType, at place: UnsafeMutableRawPointer) -> Bool {
        let value = content.value
        switch type {
        case PROTOBUF_C_TYPE_BYTES:
            unsafe place.storeBytes(
                of: ProtobufCBinaryData(
                    len: content.range.count, data: UnsafeMutablePointer(mutating: self.base.map { unsafe $0 + content.range.lowerBound })),
                as: ProtobufCBinaryData.self)
        case PROTOBUF_C_TYPE_BOOL: unsafe place.storeBytes(of: value == 0 ? 0 : 1, as: protobuf_c_boolean.self)
        case PROTOBUF_C_TYPE_SINT32:
            let value = UInt32(truncatingIfNeeded: value)
            unsafe place.storeBytes(of: value >> 1 ^ (0 &- (value & 1)), as: UInt32.self)
        case PROTOBUF_C_TYPE_SINT64: unsafe place.storeBytes(of: value >> 1 ^ (0 &- (value & 1)), as: UInt64.self)
        case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_ENUM, PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32,
            PROTOBUF_C_TYPE_FLOAT:
            unsafe place.storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
        case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_TYPE_DOUBLE:
            unsafe place.storeBytes(of: value, as: UInt64.self)
        default: return false
        }
        return true
    }
}
