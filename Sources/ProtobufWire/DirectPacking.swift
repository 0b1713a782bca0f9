internal import CProtobufC

/// Packs messages from their C form: measures them, then writes them once into memory of that size.
///
/// protobuf-c's own function writes a message within another where the other's length for it is to be, moves it behind that, and measures it again
/// at each level; so that a message with 1000 bytes within it is copied twice. Here the first pass notes the sizes.
///
/// Proof of every `unsafe` in this file: descriptors are constants that protoc-gen-c made, so their sizes, offsets and types agree with the
/// structures, which generated code has filled in: what a pointer, a count or a number of a oneof's member says is there is there.
enum DirectPacking {
    /// The bytes that `message` will take. Those of messages within it are noted in them.
    static func measure(_ message: UnsafeMutablePointer<ProtobufCMessage>) -> Int {
        var size = 0
        unsafe self.forEachField(of: message) { field, members, count in
            let tag = unsafe Self.size(ofVarint: UInt64(field.pointee.id) << 3)
            if unsafe field.pointee.isPacked {
                let length = unsafe self.measure(members, count, as: field.pointee.type)
                size += tag + Self.size(ofVarint: UInt64(length)) + length
            } else {
                unsafe size += count * tag + self.measure(members, count, as: field.pointee.type)
            }
        }
        return size
    }

    /// Writes `message` to `start`, where there is room for as many bytes as `measure` has said since it was made.
    ///
    /// - Returns: where it ends.
    static func pack(
        _ message: UnsafeMutablePointer<ProtobufCMessage>, at start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var output = unsafe PackedOutput(next: start)
        unsafe self.pack(message, to: &output)
        return unsafe output.next
    }

    // MARK: What there is

    /// Calls `body` with each field that is there, where its members lie and how many they are: one, if it is not repeated.
    @inline(__always)
    private static func forEachField(
        of message: UnsafeMutablePointer<ProtobufCMessage>,
        _ body: (UnsafePointer<ProtobufCFieldDescriptor>, UnsafeMutableRawPointer, Int) -> Void
    ) {
        let descriptor = unsafe message.pointee.descriptor.pointee
        guard var field = unsafe descriptor.fields else { return }
        let base = UnsafeMutableRawPointer(message)
        for _ in unsafe 0..<descriptor.n_fields {
            let place = unsafe base + Int(field.pointee.offset)
            let quantifier = unsafe base + Int(field.pointee.quantifier_offset)
            if unsafe field.pointee.label == PROTOBUF_C_LABEL_REPEATED {
                let count = unsafe quantifier.load(as: Int.self)
                if count > 0, let members = unsafe place.load(as: UnsafeMutableRawPointer?.self) { unsafe body(field, members, count) }
            } else if unsafe self.isPresent(field, place, quantifier) {
                unsafe body(field, place, 1)
            }
            unsafe field += 1
        }
    }

    @inline(__always)
    private static func isPresent(
        _ field: UnsafePointer<ProtobufCFieldDescriptor>, _ place: UnsafeMutableRawPointer, _ quantifier: UnsafeMutableRawPointer
    ) -> Bool {
        let type = unsafe field.pointee.type
        if unsafe field.pointee.flags & UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) != 0 {
            // The quantifier is the number of the member that is there.
            guard unsafe quantifier.load(as: UInt32.self) == field.pointee.id else { return false }
            return unsafe type != PROTOBUF_C_TYPE_MESSAGE || !self.isZero(place, type)
        }
        switch unsafe field.pointee.label {
        case PROTOBUF_C_LABEL_NONE: return unsafe !self.isZero(place, type)
        case PROTOBUF_C_LABEL_OPTIONAL where type != PROTOBUF_C_TYPE_MESSAGE:
            return unsafe quantifier.load(as: protobuf_c_boolean.self) != 0
        // Of messages the pointer itself says whether there is one.
        case PROTOBUF_C_LABEL_OPTIONAL: return unsafe !self.isZero(place, type)
        default: return true
        }
    }

    /// Whether a member has its type's default. Minus zero is none.
    @inline(__always)
    private static func isZero(_ member: UnsafeMutableRawPointer, _ type: ProtobufCType) -> Bool {
        switch type.stride {
        case 4: unsafe member.load(as: UInt32.self) == 0
        // A number, or a pointer to a message.
        case 8: unsafe member.load(as: UInt64.self) == 0
        default: unsafe member.load(as: ProtobufCBinaryData.self).len == 0
        }
    }

    // MARK: Measuring

    /// Bytes of `count` members without their tags.
    @inline(__always)
    private static func measure(_ members: UnsafeMutableRawPointer, _ count: Int, as type: ProtobufCType) -> Int {
        switch type.form {
        case .fixed: return count * type.stride
        case .varint:
            return unsafe self.sum(members, count, type) { unsafe Self.size(ofVarint: type.varint(at: $0)) }
        case .bytes:
            return unsafe self.sum(members, count, type) { member in
                let length = unsafe member.load(as: ProtobufCBinaryData.self).len
                return Self.size(ofVarint: UInt64(length)) + length
            }
        case .message:
            return unsafe self.sum(members, count, type) { member in
                let message = unsafe member.load(as: UnsafeMutablePointer<ProtobufCMessage>.self)
                let length = unsafe self.measure(message)
                unsafe message.pointee.notedSize = length
                return Self.size(ofVarint: UInt64(length)) + length
            }
        }
    }

    @inline(__always)
    private static func sum(
        _ members: UnsafeMutableRawPointer, _ count: Int, _ type: ProtobufCType, _ size: (UnsafeMutableRawPointer) -> Int
    ) -> Int {
        var (sum, member) = unsafe (0, members)
        for _ in 0..<count {
            unsafe sum += size(member)
            unsafe member += type.stride
        }
        return sum
    }

    @inline(__always)
    private static func size(ofVarint value: UInt64) -> Int { (70 - (value | 1).leadingZeroBitCount) / 7 }

    // MARK: Packing

    private static func pack(_ message: UnsafeMutablePointer<ProtobufCMessage>, to output: inout PackedOutput) {
        unsafe self.forEachField(of: message) { field, members, count in
            let type = unsafe field.pointee.type
            let isPacked = unsafe field.pointee.isPacked
            let tag = unsafe UInt64(field.pointee.id) << 3 | UInt64((isPacked ? .lengthDelimited : type.wireType).rawValue)
            if isPacked {
                output.append(varint: tag)
                unsafe output.append(varint: UInt64(self.measure(members, count, as: type)))
            }
            var member = unsafe members
            for _ in 0..<count {
                if !isPacked { output.append(varint: tag) }
                unsafe self.pack(member, as: type, to: &output)
                unsafe member += type.stride
            }
        }
    }

    @inline(__always)
    private static func pack(_ member: UnsafeMutableRawPointer, as type: ProtobufCType, to output: inout PackedOutput) {
        switch type.form {
        case .fixed: unsafe output.append(member, type.stride)
        case .varint: unsafe output.append(varint: type.varint(at: member))
        case .bytes:
            let bytes = unsafe member.load(as: ProtobufCBinaryData.self)
            unsafe output.append(varint: UInt64(bytes.len))
            if let data = unsafe bytes.data { unsafe output.append(data, bytes.len) }
        case .message:
            let message = unsafe member.load(as: UnsafeMutablePointer<ProtobufCMessage>.self)
            unsafe output.append(varint: UInt64(message.pointee.notedSize))
            unsafe self.pack(message, to: &output)
        }
    }
}

/// Where the next bytes go. Whoever makes it has measured that there is room for all.
@safe
private struct PackedOutput {
    private(set) var next: UnsafeMutablePointer<UInt8>

    init(next: UnsafeMutablePointer<UInt8>) { unsafe self.next = next }

    @inline(__always)
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            unsafe self.next.pointee = UInt8(truncatingIfNeeded: rest) | 0x80
            unsafe self.next += 1
            rest >>= 7
        }
        unsafe self.next.pointee = UInt8(truncatingIfNeeded: rest)
        unsafe self.next += 1
    }

    /// Numbers of fixed size are in the processor's order, which is that of the wire on those that Swift runs on.
    @inline(__always)
    mutating func append(_ bytes: UnsafeRawPointer, _ count: Int) {
        unsafe UnsafeMutableRawPointer(self.next).copyMemory(from: bytes, byteCount: count)
        unsafe self.next += count
    }
}

extension ProtobufCMessage {
    /// The size that `DirectPacking.measure` has found, kept where a message that was unpacked has the number of its unknown fields. One that was
    /// made to be packed has none, and lives no longer than that. Sizes of 4 GiB and more are no matter: no message may have them
    /// (``MessagePrefix``).
    fileprivate var notedSize: Int {
        get { Int(unsafe self.n_unknown_fields) }
        set { unsafe self.n_unknown_fields = UInt32(clamping: newValue) }
    }
}

extension ProtobufCFieldDescriptor {
    @inline(__always)
    fileprivate var isPacked: Bool {
        unsafe self.label == PROTOBUF_C_LABEL_REPEATED && self.flags & UInt32(PROTOBUF_C_FIELD_FLAG_PACKED.rawValue) != 0
    }
}

/// How a member is written.
private enum PackedForm {
    case varint
    case fixed
    case bytes
    case message
}

extension ProtobufCType {
    @inline(__always)
    fileprivate var form: PackedForm {
        switch self {
        case PROTOBUF_C_TYPE_BYTES: .bytes
        case PROTOBUF_C_TYPE_MESSAGE: .message
        case PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32, PROTOBUF_C_TYPE_FLOAT, PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64,
            PROTOBUF_C_TYPE_DOUBLE:
            .fixed
        // Strings have the form of bytes in all that the generator takes.
        case PROTOBUF_C_TYPE_STRING: preconditionFailure("a string that ends with a zero byte")
        default: .varint
        }
    }

    /// Bytes from one member of an array to the next, in C.
    @inline(__always)
    fileprivate var stride: Int {
        switch self {
        case PROTOBUF_C_TYPE_BYTES: unsafe MemoryLayout<ProtobufCBinaryData>.stride
        case PROTOBUF_C_TYPE_MESSAGE, PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64,
            PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_TYPE_DOUBLE:
            8
        default: 4
        }
    }

    @inline(__always)
    fileprivate var wireType: WireType {
        switch self.form {
        case .varint: .varint
        case .fixed: self.stride == 8 ? .fixed64 : .fixed32
        case .bytes, .message: .lengthDelimited
        }
    }

    /// The number that a member of one of the types with that form is on the wire.
    @inline(__always)
    fileprivate func varint(at member: UnsafeMutableRawPointer) -> UInt64 {
        switch self {
        // Negative numbers have ten bytes.
        case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_ENUM: return UInt64(bitPattern: Int64(unsafe member.load(as: Int32.self)))
        case PROTOBUF_C_TYPE_SINT32:
            let value = unsafe member.load(as: Int32.self)
            return UInt64(UInt32(bitPattern: value << 1 ^ value >> 31))
        case PROTOBUF_C_TYPE_SINT64:
            let value = unsafe member.load(as: Int64.self)
            return UInt64(bitPattern: value << 1 ^ value >> 63)
        case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_UINT64: return unsafe member.load(as: UInt64.self)
        case PROTOBUF_C_TYPE_BOOL: return unsafe member.load(as: protobuf_c_boolean.self) == 0 ? 0 : 1
        default: return UInt64(unsafe member.load(as: UInt32.self))
        }
    }
}
