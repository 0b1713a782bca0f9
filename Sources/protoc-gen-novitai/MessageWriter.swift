/// Writes the Swift value type of a message, with the types declared in it.
struct MessageWriter {
    let types: TypeTable
    let message: MessageSchema

    func write(to text: inout SourceText) {
        text.document(self.message.comment)
        text.block("package struct \(SwiftName.type(self.message.name, suffix: "Message")): ProtobufMessage") { text in
            for field in self.message.fields where field.oneOf == nil || field.isOptional { self.writeProperty(field, to: &text) }
            for (index, oneOf) in self.message.declaredOneOfs { self.writeOneOf(oneOf, self.message.members(of: index), to: &text) }
            for enumeration in self.message.enums { EnumWriter(enumeration: enumeration).write(to: &text) }
            for nested in self.message.messages where !nested.isMapEntry {
                MessageWriter(types: self.types, message: nested).write(to: &text)
            }
            text.line("package init() {}")
        }
    }

    private func writeProperty(_ field: FieldSchema, to text: inout SourceText) {
        text.document(field.comment)
        text.line("package var \(SwiftName.property(field.name)): \(self.propertyType(field))")
    }

    /// The property's type and its default, when that is not nil.
    private func propertyType(_ field: FieldSchema) -> String {
        if let entry = self.types.mapEntry(of: field) {
            return "[\(self.types.valueType(entry.fields[0])): \(self.types.valueType(entry.fields[1]))] = [:]"
        }
        let type = self.types.valueType(field)
        if field.isRepeated { return "[\(type)] = []" }
        if field.isOptional || field.type == .message { return "\(type)?" }
        return "\(type) = \(self.types.defaultValue(field))"
    }

    private func writeOneOf(_ oneOf: OneOfSchema, _ members: [FieldSchema], to text: inout SourceText) {
        text.document(oneOf.comment)
        text.line("package var \(SwiftName.property(oneOf.name)): \(oneOf.swiftType)?")
        text.line()
        text.block("package enum \(oneOf.swiftType): Equatable, Sendable") { text in
            for member in members {
                text.document(member.comment)
                text.line("case \(SwiftName.property(member.name))(\(self.types.valueType(member)))")
            }
        }
    }
}

extension OneOfSchema {
    /// `next_step` → `NextStepOneOf`: a message in the same place may be called `NextStep`.
    var swiftType: String {
        let property = SwiftName.property(self.name).filter { $0 != "`" }
        return property.prefix(1).uppercased() + property.dropFirst() + "OneOf"
    }
}

extension MessageSchema {
    /// The oneofs that the author wrote, with their index.
    var declaredOneOfs: [(Int, OneOfSchema)] {
        self.oneOfs.enumerated().filter { index, _ in !self.members(of: index).contains(where: \.isOptional) }
    }

    func members(of oneOf: Int) -> [FieldSchema] { self.fields.filter { $0.oneOf == oneOf } }
}
