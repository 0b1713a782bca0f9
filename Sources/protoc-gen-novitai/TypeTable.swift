/// All types of a request by their full protobuf names.
struct TypeTable {
    private var swiftNames: [String: String] = [:]
    private(set) var messages: [String: MessageSchema] = [:]
    private(set) var enums: [String: EnumSchema] = [:]

    init(_ files: [FileSchema]) {
        for file in files {
            let namespace = SwiftName.namespace(file.package)
            for message in file.messages { self.add(message, in: namespace) }
            for enumeration in file.enums { self.add(enumeration, in: namespace) }
        }
    }

    private mutating func add(_ message: MessageSchema, in scope: String) {
        let name = "\(scope).\(SwiftName.type(message.name, suffix: "Message"))"
        self.swiftNames[message.fullName] = name
        self.messages[message.fullName] = message
        for nested in message.messages { self.add(nested, in: name) }
        for nested in message.enums { self.add(nested, in: name) }
    }

    private mutating func add(_ enumeration: EnumSchema, in scope: String) {
        self.swiftNames[enumeration.fullName] = "\(scope).\(SwiftName.type(enumeration.name, suffix: "Enum"))"
        self.enums[enumeration.fullName] = enumeration
    }

    /// `NovitaiV1.Instance`. The validation has seen that every name is there.
    func swiftName(_ fullName: String) -> String { self.swiftNames[fullName] ?? fullName }

    /// The entry type of a map field; nil for any other field.
    func mapEntry(of field: FieldSchema) -> MessageSchema? {
        guard field.type == .message, field.isRepeated, let entry = self.messages[field.typeName], entry.isMapEntry else { return nil }
        return entry
    }

    /// The Swift type of one value of the field.
    func valueType(_ field: FieldSchema) -> String {
        switch field.type {
        case .double: "Double"
        case .float: "Float"
        case .int32, .sint32, .sfixed32: "Int32"
        case .int64, .sint64, .sfixed64: "Int64"
        case .uint32, .fixed32: "UInt32"
        case .uint64, .fixed64: "UInt64"
        case .bool: "Bool"
        case .string: "String"
        case .bytes: "[UInt8]"
        case .message, .group, .enum: self.swiftName(field.typeName)
        }
    }

    /// The default of a field without presence.
    func defaultValue(_ field: FieldSchema) -> String {
        switch field.type {
        case .bool: return "false"
        case .string: return "\"\""
        case .bytes: return "[]"
        case .message, .group: return "nil"
        case .enum:
            guard let zero = self.enums[field.typeName]?.values.first(where: { $0.number == 0 }),
                let name = field.typeName.split(separator: ".").last
            else { return "\(self.swiftName(field.typeName))(rawValue: 0)" }
            return ".\(SwiftName.enumValue(zero.name, of: String(name)))"
        default: return "0"
        }
    }
}
