internal import CProtobufC

/// One pass over untrusted bytes before protobuf-c unpacks them: refuses what would make it recurse without bound, merge in
/// quadratic time or turn few bytes into much memory.
///
/// Driven by protobuf-c's own descriptors, so that both agree on what is a nested message. Reads through a bounds-checked span. What it meets
/// is filled into the C form at once where that is possible (``DirectUnpacking``).
///
/// Proof of every `unsafe` in this file: descriptors are constants that protoc-gen-c made; their counts, pointers and types agree.
struct PreScan {
    private var fields = 0
    private var unknownFields = 0
    private var repeatedMessages = 0
    private var unpacking: DirectUnpacking

    /// Scans a whole message of the type that `descriptor` describes, which begins at `base`.
    ///
    /// - Returns: the message in its C form, or nil when protobuf-c has to make it.
    static func scan(
        _ bytes: RawSpan, at base: UnsafePointer<UInt8>?, as descriptor: UnsafePointer<ProtobufCMessageDescriptor>, in arena: Arena
    ) throws(WireError) -> UnsafeMutableRawPointer? {
        var scan = unsafe PreScan(unpacking: DirectUnpacking(base, in: arena))
        let message = unsafe scan.unpacking.make(descriptor)
        try unsafe scan.message(Span<UInt8>(_bytes: bytes), in: 0..<bytes.byteCount, as: descriptor, into: message, depth: 1)
        return unsafe scan.unpacking.isComplete ? message : nil
    }

    private init(unpacking: DirectUnpacking) { self.unpacking = unpacking }

    /// - Parameter target: the message's C form; nil when it is not wanted.
    private mutating func message(
        _ bytes: Span<UInt8>, in range: Range<Int>, as descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
        into target: UnsafeMutableRawPointer?, depth: Int
    ) throws(WireError) {
        guard depth <= WireLimits.depth else { throw WireError(.tooDeep) }
        var position = range.lowerBound
        var lookup = unsafe FieldLookup(descriptor)
        var seenMessages: UInt128 = 0
        while position < range.upperBound {
            let tag = try bytes.tag(at: &position, before: range.upperBound)
            let content = try bytes.content(of: tag, at: &position, before: range.upperBound)
            try self.countField()
            guard let (index, field) = unsafe lookup.find(tag.number) else {
                try self.countUnknownField()
                continue
            }
            guard unsafe field.pointee.type.accepts(tag.wireType, isRepeated: field.pointee.label == PROTOBUF_C_LABEL_REPEATED) else {
                throw WireError(.malformed)
            }
            guard unsafe field.pointee.type == PROTOBUF_C_TYPE_MESSAGE else {
                if let target = unsafe target, self.unpacking.isComplete {
                    unsafe self.unpacking.set(field, of: target, to: content)
                }
                continue
            }
            if unsafe field.pointee.label != PROTOBUF_C_LABEL_REPEATED {
                try self.countSingularMessage(index, in: &seenMessages)
            }
            guard let nested = unsafe field.pointee.descriptor else { throw WireError(.malformed) }
            // protoc-gen-c puts a message descriptor there for every field of type MESSAGE, which was asked above.
            let type = unsafe nested.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
            let part = unsafe self.unpacking.nested(field, of: target, as: type)
            try unsafe self.message(bytes, in: content.range, as: type, into: part, depth: depth + 1)
        }
    }

    @inline(__always)
    private mutating func countField() throws(WireError) {
        self.fields += 1
        guard self.fields <= WireLimits.fields else { throw WireError(.tooManyFields) }
    }

    private mutating func countUnknownField() throws(WireError) {
        self.unknownFields += 1
        guard self.unknownFields <= WireLimits.unknownFields else { throw WireError(.tooManyUnknownFields) }
    }

    @inline(__always)
    private mutating func countSingularMessage(_ index: Int, in seen: inout UInt128) throws(WireError) {
        // An index beyond 127 would be taken for another; the generator refuses such types.
        let mark: UInt128 = 1 &<< UInt128(truncatingIfNeeded: index)
        if seen & mark != 0 {
            self.repeatedMessages += 1
            guard self.repeatedMessages <= WireLimits.repeatedSingularMessages else { throw WireError(.tooManyRepeats) }
        }
        seen |= mark
    }
}

/// Finds the fields of one message type by number, whose descriptor lives as long as the process. Encoders write them in order and leave some
/// out, so the next ones are tried first.
@safe
private struct FieldLookup {
    private let fields: UnsafeBufferPointer<ProtobufCFieldDescriptor>
    /// Of the field that was found last.
    private var latest = 0

    /// Fields that are tried before they are searched: what is left out is mostly few.
    private static let triedMax = 4

    init(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) {
        unsafe self.fields = UnsafeBufferPointer(start: descriptor.pointee.fields, count: Int(descriptor.pointee.n_fields))
    }

    /// The field's index and descriptor, or nil when the type has no such field.
    @inline(__always)
    mutating func find(_ number: UInt32) -> (Int, UnsafePointer<ProtobufCFieldDescriptor>)? {
        guard let base = unsafe self.fields.baseAddress else { return nil }
        // The last one first: a repeated field goes on.
        for index in unsafe self.latest..<min(self.latest + Self.triedMax, self.fields.count) where unsafe base[index].id == number {
            self.latest = index
            return unsafe (index, base + index)
        }
        return unsafe self.search(number)
    }

    @inline(never)
    private mutating func search(_ number: UInt32) -> (Int, UnsafePointer<ProtobufCFieldDescriptor>)? {
        var low = 0
        var high = unsafe self.fields.count
        while low < high {
            let middle = (low + high) / 2
            if unsafe self.fields[middle].id < number { low = middle + 1 } else { high = middle }
        }
        guard unsafe low < self.fields.count, let base = unsafe self.fields.baseAddress, unsafe base[low].id == number else { return nil }
        self.latest = low
        return unsafe (low, base + low)
    }
}

extension ProtobufCType {
    /// Whether a field of this type may have `wireType`. Repeated numbers may be packed or not, whatever the schema says.
    @inline(__always)
    fileprivate func accepts(_ wireType: WireType, isRepeated: Bool) -> Bool {
        let isPacked = isRepeated && wireType == .lengthDelimited
        switch self {
        case PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BYTES, PROTOBUF_C_TYPE_MESSAGE: return wireType == .lengthDelimited
        case PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_TYPE_DOUBLE: return wireType == .fixed64 || isPacked
        case PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32, PROTOBUF_C_TYPE_FLOAT: return wireType == .fixed32 || isPacked
        default: return wireType == .varint || isPacked
        }
    }
}
