import ProtobufWire

/// A request of `google/protobuf/compiler/plugin.proto`, as far as the generator needs it.
struct GeneratorRequest {
    /// Files that are to be generated; the others are their imports.
    var filesToGenerate: Set<String> = []
    /// `key=value,…` of `--novitai_opt`.
    var parameter = ""
    /// The `FileDescriptorProto`s, imports before their importers.
    var descriptors: [ArraySlice<UInt8>] = []

    init(_ bytes: [UInt8]) throws(WireError) {
        for field in try WireField.fields(of: bytes[...]) {
            switch field.number {
            case 1: self.filesToGenerate.insert(field.text)
            case 2: self.parameter = field.text
            case 15: self.descriptors.append(field.bytes)
            default: break
            }
        }
    }
}

/// Reads `google/protobuf/descriptor.proto`'s messages. The numbers are those of its fields; what is not named is not needed.
struct SchemaReader {
    private var comments: [[Int]: Comment] = [:]
    private var package = ""

    static func file(_ descriptor: ArraySlice<UInt8>) throws(WireError) -> FileSchema {
        let fields = try WireField.fields(of: descriptor)
        var reader = SchemaReader()
        for field in fields where field.number == 9 { try reader.readComments(field.bytes) }
        for field in fields where field.number == 2 { reader.package = field.text }
        return try reader.file(fields)
    }

    private func file(_ fields: [WireField]) throws(WireError) -> FileSchema {
        var file = FileSchema(package: self.package)
        for field in fields {
            switch field.number {
            case 1: file.path = field.text
            case 4: file.messages.append(try self.message(field.bytes, in: self.package, at: [4, file.messages.count]))
            case 5: file.enums.append(try self.enumeration(field.bytes, in: self.package, at: [5, file.enums.count]))
            case 6: file.services.append(try self.service(field.bytes, at: [6, file.services.count]))
            case 12: file.syntax = field.text
            default: break
            }
        }
        return file
    }

    private func message(_ bytes: ArraySlice<UInt8>, in scope: String, at path: [Int]) throws(WireError) -> MessageSchema {
        let fields = try WireField.fields(of: bytes)
        var message = MessageSchema(comment: self.comment(at: path))
        for field in fields where field.number == 1 { message.name = field.text }
        message.fullName = Self.join(scope, message.name)
        for field in fields {
            switch field.number {
            case 2: message.fields.append(try self.field(field.bytes, at: path + [2, message.fields.count]))
            case 3: message.messages.append(try self.message(field.bytes, in: message.fullName, at: path + [3, message.messages.count]))
            case 4: message.enums.append(try self.enumeration(field.bytes, in: message.fullName, at: path + [4, message.enums.count]))
            case 7: message.isMapEntry = try Self.flag(7, of: field.bytes)
            case 8: message.oneOfs.append(try self.oneOf(field.bytes, at: path + [8, message.oneOfs.count]))
            default: break
            }
        }
        return message
    }

    private func field(_ bytes: ArraySlice<UInt8>, at path: [Int]) throws(WireError) -> FieldSchema {
        var schema = FieldSchema(comment: self.comment(at: path))
        for field in try WireField.fields(of: bytes) {
            switch field.number {
            case 1: schema.name = field.text
            case 3: schema.number = Int(field.number64)
            case 4: schema.label = FieldSchema.Label(rawValue: Int(field.number64)) ?? .optional
            case 5: schema.type = try Self.known(FieldType(rawValue: Int(field.number64)))
            case 6: schema.typeName = String(field.text.dropFirst())
            case 8: schema.isDeprecated = try Self.flag(3, of: field.bytes)
            case 9: schema.oneOf = Int(field.number64)
            case 17: schema.isOptional = field.number64 != 0
            default: break
            }
        }
        return schema
    }

    private func oneOf(_ bytes: ArraySlice<UInt8>, at path: [Int]) throws(WireError) -> OneOfSchema {
        var oneOf = OneOfSchema(comment: self.comment(at: path))
        for field in try WireField.fields(of: bytes) where field.number == 1 { oneOf.name = field.text }
        return oneOf
    }

    private func enumeration(_ bytes: ArraySlice<UInt8>, in scope: String, at path: [Int]) throws(WireError) -> EnumSchema {
        var schema = EnumSchema(comment: self.comment(at: path))
        for field in try WireField.fields(of: bytes) {
            switch field.number {
            case 1: schema.name = field.text
            case 2: schema.values.append(try self.value(field.bytes, at: path + [2, schema.values.count]))
            default: break
            }
        }
        schema.fullName = Self.join(scope, schema.name)
        return schema
    }

    private func value(_ bytes: ArraySlice<UInt8>, at path: [Int]) throws(WireError) -> (name: String, number: Int, comment: Comment) {
        var value = (name: "", number: 0, comment: self.comment(at: path))
        for field in try WireField.fields(of: bytes) {
            switch field.number {
            case 1: value.name = field.text
            case 2: value.number = Int(Int32(truncatingIfNeeded: field.number64))
            default: break
            }
        }
        return value
    }

    private func service(_ bytes: ArraySlice<UInt8>, at path: [Int]) throws(WireError) -> ServiceSchema {
        var service = ServiceSchema(comment: self.comment(at: path))
        for field in try WireField.fields(of: bytes) {
            switch field.number {
            case 1: service.name = field.text
            case 2: service.methods.append(try self.method(field.bytes, at: path + [2, service.methods.count]))
            default: break
            }
        }
        service.fullName = Self.join(self.package, service.name)
        return service
    }

    private func method(_ bytes: ArraySlice<UInt8>, at path: [Int]) throws(WireError) -> MethodSchema {
        var method = MethodSchema(comment: self.comment(at: path))
        for field in try WireField.fields(of: bytes) {
            switch field.number {
            case 1: method.name = field.text
            case 2: method.input = String(field.text.dropFirst())
            case 3: method.output = String(field.text.dropFirst())
            case 5: method.streamsRequests = field.number64 != 0
            case 6: method.streamsResponses = field.number64 != 0
            default: break
            }
        }
        return method
    }

    // MARK: SourceCodeInfo

    /// Comments are found by the path of field numbers and indices that leads to what they are about.
    private mutating func readComments(_ sourceCodeInfo: ArraySlice<UInt8>) throws(WireError) {
        for location in try WireField.fields(of: sourceCodeInfo) where location.number == 1 {
            var path: [Int] = []
            var leading = ""
            var trailing = ""
            for field in try WireField.fields(of: location.bytes) {
                switch field.number {
                case 1: path = Self.packedNumbers(field.bytes)
                case 3: leading = field.text
                case 4: trailing = field.text
                default: break
                }
            }
            self.comments[path] = Comment(leading.isEmpty ? trailing : leading)
        }
    }

    private func comment(at path: [Int]) -> Comment { self.comments[path] ?? Comment() }

    private static func packedNumbers(_ bytes: ArraySlice<UInt8>) -> [Int] {
        var numbers: [Int] = []
        var value = 0
        var shift = 0
        for byte in bytes {
            value |= Int(byte & 0x7F) << shift
            shift += 7
            guard byte < 0x80 else { continue }
            numbers.append(value)
            (value, shift) = (0, 0)
        }
        return numbers
    }

    // MARK: Helpers

    private static func join(_ scope: String, _ name: String) -> String { scope.isEmpty ? name : "\(scope).\(name)" }

    private static func flag(_ number: Int, of options: ArraySlice<UInt8>) throws(WireError) -> Bool {
        try WireField.fields(of: options).contains { $0.number == number && $0.number64 != 0 }
    }

    private static func known<Value>(_ value: Value?) throws(WireError) -> Value {
        guard let value else { throw WireError(.malformed, "FieldDescriptorProto.type") }
        return value
    }
}

extension Comment {
    /// Takes protoc's form, in which each line still has the blank that followed `//`.
    init(_ text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            String(line.first == " " ? line.dropFirst() : line)
        }
        while lines.last?.allSatisfy({ $0 == " " }) == true { lines.removeLast() }
        self.lines = lines
    }
}
