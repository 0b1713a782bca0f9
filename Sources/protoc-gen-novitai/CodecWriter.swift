/// Writes how a message is read from, and written to, its C structure.
///
/// In what is generated `c` is the pointer to the structure and `arena` the memory for what it points to.
struct CodecWriter {
    let types: TypeTable
    let message: MessageSchema

    func write(to text: inout SourceText) {
        let cType = CName.type(self.message.fullName)
        let prefix = CName.prefix(self.message.fullName)
        text.block("extension \(self.types.swiftName(self.message.fullName))") { text in
            text.line("package static var protobufName: String { \"\(self.message.fullName)\" }")
            text.line()
            text.block("package init(decoding bytes: RawSpan) throws(RPCError)") { text in
                text.line("do throws(WireError) { self = try unsafe Wire.decode(bytes, \(prefix)__get_descriptor(), Self.init(reading:)) }")
                text.line("catch { throw RPCError(error) }")
            }
            text.line()
            text.block("package func encoded(reserving prefix: Int) throws(RPCError) -> [UInt8]") { text in
                text.line(
                    "try unsafe Wire.encode(self, reserving: prefix) { message, arena throws(WireError) in try unsafe message.write(in: arena) }"
                )
            }
            text.line()
            text.block("package func place(at place: MessagePlace) throws(RPCError) -> PlacedMessage") { text in
                text.line(
                    "try unsafe Wire.place(self, at: place) { message, arena throws(WireError) in try unsafe message.write(in: arena) }")
            }
            text.line()
            text.block("init(reading c: UnsafePointer<\(cType)>) throws(WireError)") { self.writeReads(to: &$0) }
            text.line()
            text.block("func write(in arena: Arena) throws(WireError) -> UnsafeMutablePointer<\(cType)>") { text in
                if let check = self.rangeCheck { text.line(check) }
                text.line("let c = try unsafe arena.make(\(prefix)__init)")
                self.writeWrites(to: &text)
                text.line("return unsafe c")
            }
            if self.message.fullName == "google.protobuf.Any" { self.writePacking(to: &text) }
        }
    }

    /// `google.protobuf.Any` holds another message.
    private func writePacking(to text: inout SourceText) {
        text.line()
        text.line("/// `message` with its type's URL.")
        text.block("package init(packing message: some ProtobufMessage) throws(RPCError)") { text in
            text.line("self.typeUrl = \"type.googleapis.com/\\(type(of: message).protobufName)\"")
            text.line("self.value = try message.encoded()")
        }
        text.line()
        text.line("/// The message it holds; nil when that is not of type `Message`.")
        text.block("package func unpacked<Message: ProtobufMessage>(as type: Message.Type) throws(RPCError) -> Message?") { text in
            text.line("guard self.typeUrl.split(separator: \"/\").last.map(String.init) == type.protobufName else { return nil }")
            text.line("return try Message(decoding: self.value)")
        }
    }

    /// The well-known types whose documentation restricts their values.
    private var rangeCheck: String? {
        switch self.message.fullName {
        case "google.protobuf.Timestamp": "try Wire.checkTimestamp(seconds: self.seconds, nanos: self.nanos)"
        case "google.protobuf.Duration": "try Wire.checkDuration(seconds: self.seconds, nanos: self.nanos)"
        default: nil
        }
    }

    private func label(_ field: FieldSchema) -> String { "\(self.message.name).\(field.name)" }

    // MARK: From C

    private func writeReads(to text: inout SourceText) {
        for field in self.message.fields where field.oneOf == nil || field.isOptional { text.line(self.read(field)) }
        for (index, oneOf) in self.message.declaredOneOfs {
            text.block("switch unsafe c.pointee.\(CName.field(oneOf.name))_case.rawValue") { text in
                for member in self.message.members(of: index) { text.line(self.readMember(member, of: oneOf)) }
                text.line("default: break")
            }
        }
        if let check = self.rangeCheck { text.line(check) }
    }

    private func read(_ field: FieldSchema) -> String {
        let property = "self.\(SwiftName.property(field.name))"
        let c = "c.pointee.\(CName.member(field.name))"
        let count = "c.pointee.n_\(CName.field(field.name))"
        if let entry = self.types.mapEntry(of: field) {
            return "\(property) = try unsafe Wire.dictionary(\(c), \(count)) \(self.readEntry(entry, of: field))"
        }
        if field.isRepeated { return "\(property) = \(self.readList(field, c, count))" }
        if field.type == .message {
            return "\(property) = try unsafe \(self.presence(field))Wire.message(\(c), \(self.reader(field)))" + self.otherwiseNil(field)
        }
        let value = self.readValue(field, from: c, label: self.label(field))
        return "\(property) = \(self.tryUnsafe(field)) \(self.presence(field))\(value)" + self.otherwiseNil(field)
    }

    /// For a field with presence: the test of its case field.
    private func presence(_ field: FieldSchema) -> String {
        field.isOptional ? "c.pointee.\(self.caseField(field)).rawValue == \(field.number) ? " : ""
    }

    private func otherwiseNil(_ field: FieldSchema) -> String { field.isOptional ? " : nil" : "" }

    private func caseField(_ field: FieldSchema) -> String {
        guard let index = field.oneOf else { return "" }
        return CName.field(self.message.oneOfs[index].name) + "_case"
    }

    private func readMember(_ field: FieldSchema, of oneOf: OneOfSchema) -> String {
        let property = "self.\(SwiftName.property(oneOf.name))"
        let name = SwiftName.property(field.name)
        let c = "c.pointee.\(CName.member(field.name))"
        if field.type == .message {
            return "case \(field.number): \(property) = try unsafe Wire.message(\(c), \(self.reader(field))).map { .\(name)($0) }"
        }
        let value = self.readValue(field, from: c, label: self.label(field))
        return "case \(field.number): \(property) = \(self.tryUnsafe(field)) .\(name)(\(value))"
    }

    private func readList(_ field: FieldSchema, _ c: String, _ count: String) -> String {
        switch field.type {
        case .message: return "try unsafe Wire.messages(\(c), \(count), \(self.reader(field)))"
        case .string:
            return "try unsafe Wire.list(\(c), \(count)) { value throws(WireError) in try unsafe value.string(\"\(self.label(field))\") }"
        case .bytes: return "try unsafe Wire.list(\(c), \(count)) { value throws(WireError) in unsafe value.bytes }"
        case .bool, .enum:
            return "try unsafe Wire.list(\(c), \(count)) { value throws(WireError) in \(self.readValue(field, from: "value", label: "")) }"
        default: return "unsafe Wire.scalars(\(c), \(count))"
        }
    }

    private func readEntry(_ entry: MessageSchema, of field: FieldSchema) -> String {
        let (key, value) = (entry.fields[0], entry.fields[1])
        let readKey = self.readValue(key, from: "entry.pointee.key", label: self.label(field))
        let readValue =
            value.type == .message
            ? "Wire.message(entry.pointee.value, \(self.reader(value))) ?? \(self.types.valueType(value))()"
            : self.readValue(value, from: "entry.pointee.value", label: self.label(field))
        let throwing = key.type == .string || value.type == .string || value.type == .message
        return "{ entry throws(WireError) in \(throwing ? "try " : "")unsafe (\(readKey), \(readValue)) }"
    }

    private func reader(_ field: FieldSchema) -> String { "\(self.types.valueType(field)).init(reading:)" }

    private func readValue(_ field: FieldSchema, from c: String, label: String) -> String {
        switch field.type {
        case .string: "\(c).string(\"\(label)\")"
        case .bytes: "\(c).bytes"
        case .bool: "\(c) != 0"
        case .enum: "\(self.types.valueType(field))(rawValue: \(c))"
        default: c
        }
    }

    private func tryUnsafe(_ field: FieldSchema) -> String { field.type == .string ? "try unsafe" : "unsafe" }

    // MARK: To C

    private func writeWrites(to text: inout SourceText) {
        for field in self.message.fields where field.oneOf == nil || field.isOptional { self.write(field, to: &text) }
        for (index, oneOf) in self.message.declaredOneOfs {
            text.block("switch self.\(SwiftName.property(oneOf.name))") { text in
                for member in self.message.members(of: index) {
                    text.line("case .\(SwiftName.property(member.name))(let value):")
                    text.line("    unsafe c.pointee.\(self.caseField(member)).rawValue = \(member.number)")
                    text.line("    " + self.assign(member, "value"))
                }
                text.line("case nil: break")
            }
        }
    }

    private func write(_ field: FieldSchema, to text: inout SourceText) {
        let property = "self.\(SwiftName.property(field.name))"
        if field.isRepeated {
            self.writeList(field, property, to: &text)
        } else if field.isOptional {
            text.block("if let value = \(property)") { text in
                text.line("unsafe c.pointee.\(self.caseField(field)).rawValue = \(field.number)")
                text.line(self.assign(field, "value"))
            }
        } else if field.type == .message {
            text.line("if let value = \(property) { \(self.assign(field, "value")) }")
        } else {
            text.line(self.assign(field, property))
        }
    }

    private func assign(_ field: FieldSchema, _ value: String, to structure: String = "c", as name: String? = nil) -> String {
        let target = "\(structure).pointee.\(name ?? CName.member(field.name))"
        return "\(self.throwsWhenWritten(field) ? "try " : "")unsafe \(target) = \(self.writeValue(field, value))"
    }

    private func throwsWhenWritten(_ field: FieldSchema) -> Bool { [.string, .message].contains(field.type) }

    private func writeValue(_ field: FieldSchema, _ value: String) -> String {
        switch field.type {
        case .string: ".init(arena.string(\(value)))"
        case .bytes: ".init(arena.borrow(\(value)))"
        case .bool: "\(value) ? 1 : 0"
        case .enum: "\(value).rawValue"
        case .message: "\(value).write(in: arena)"
        default: value
        }
    }

    private func writeList(_ field: FieldSchema, _ property: String, to text: inout SourceText) {
        let target = "try unsafe (c.pointee.\(CName.member(field.name)), c.pointee.n_\(CName.field(field.name))) ="
        if let entry = self.types.mapEntry(of: field) {
            text.block(
                "\(target) arena.entries(\(property), \(CName.prefix(entry.fullName))__init)",
                parameters: "entry, key, value throws(WireError)"
            ) { text in
                text.line(self.assign(entry.fields[0], "key", to: "entry", as: "key"))
                text.line(self.assign(entry.fields[1], "value", to: "entry", as: "value"))
            }
            return
        }
        switch field.type {
        case .bytes: text.line("\(target) arena.list(\(property)) { value throws(WireError) in unsafe \(self.writeValue(field, "value")) }")
        case .string, .message:
            let value = self.writeValue(field, "value")
            text.line("\(target) arena.list(\(property)) { value throws(WireError) in try unsafe \(value) }")
        case .bool, .enum: text.line("\(target) arena.list(\(property)) { value throws(WireError) in \(self.writeValue(field, "value")) }")
        default: text.line("\(target) arena.scalars(\(property))")
        }
    }
}
