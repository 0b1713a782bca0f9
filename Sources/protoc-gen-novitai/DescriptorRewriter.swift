import ProtobufWire

/// Makes the copy of the descriptors that protoc-gen-c gets to see, so that its C loses nothing of what the `.proto` files say.
/// Nothing changes on the wire:
///
/// - `string` becomes `bytes`: protoc-gen-c's strings end at the first NUL and have no length.
/// - an enum becomes `int32`: values outside of the list are then nothing special.
/// - `proto3_optional` goes, and its synthetic oneof of one member stays: protoc-gen-c refuses the first and makes a case field of the
///   second, which tells presence.
/// - a map stays the repeated entries that it is, as ordinary messages: keys may then be `bytes`.
/// - services, enums and comments go: nobody needs them in C.
enum DescriptorRewriter {
    /// The `CodeGeneratorRequest` for protoc-gen-c.
    static func request(_ request: GeneratorRequest, files: [String]) throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        for file in files { writer.append(file.utf8, to: 1) }
        for descriptor in request.descriptors { writer.append(try Self.file(descriptor), to: 15) }
        return writer.bytes
    }

    private static func file(_ bytes: ArraySlice<UInt8>) throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        for field in try WireField.fields(of: bytes) {
            switch field.number {
            case 4: writer.append(try self.message(field.bytes), to: 4)
            case 5, 6, 8, 9: break  // enum_type, service, options, source_code_info
            default: writer.append(field)
            }
        }
        writer.append(self.fileOptions, to: 8)
        return writer.bytes
    }

    /// `option (pb_c_file) = {gen_pack_helpers: false}` of protobuf-c/protobuf-c.proto: packing goes by descriptor.
    private static let fileOptions: [UInt8] = {
        var helpers = WireWriter()
        helpers.append(WireField(number: 2, content: .varint(0)))
        var options = WireWriter()
        options.append(helpers.bytes, to: 1019)
        return options.bytes
    }()

    private static func message(_ bytes: ArraySlice<UInt8>) throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        for field in try WireField.fields(of: bytes) {
            switch field.number {
            case 2: writer.append(try self.field(field.bytes), to: 2)
            case 3: writer.append(try self.message(field.bytes), to: 3)
            case 4, 7: break  // enum_type, options (map_entry)
            default: writer.append(field)
            }
        }
        return writer.bytes
    }

    private static func field(_ bytes: ArraySlice<UInt8>) throws(WireError) -> [UInt8] {
        var fields = try WireField.fields(of: bytes)
        let type = fields.first { $0.number == 5 }.flatMap { FieldType(rawValue: Int($0.number64)) }
        fields.removeAll { $0.number == 17 || ($0.number == 6 && type == .enum) }  // proto3_optional, an enum's type_name
        var writer = WireWriter()
        for field in fields {
            guard field.number == 5 else {
                writer.append(field)
                continue
            }
            writer.append(WireField(number: 5, content: .varint(self.replacement(for: type) ?? field.number64)))
        }
        return writer.bytes
    }

    private static func replacement(for type: FieldType?) -> UInt64? {
        switch type {
        case .string: UInt64(FieldType.bytes.rawValue)
        case .enum: UInt64(FieldType.int32.rawValue)
        default: nil
        }
    }

    /// The `FileDescriptorSet` for reflection: everything but the comments.
    static func descriptorSet(_ request: GeneratorRequest) throws(WireError) -> [UInt8] {
        var set = WireWriter()
        for descriptor in request.descriptors {
            var file = WireWriter()
            for field in try WireField.fields(of: descriptor) where field.number != 9 { file.append(field) }
            set.append(file.bytes, to: 1)
        }
        return set.bytes
    }
}
