/// Writes an enum as a structure around its number, so that values which a newer peer sends are kept.
struct EnumWriter {
    let enumeration: EnumSchema

    func write(to text: inout SourceText) {
        text.document(self.enumeration.comment)
        text.block("package struct \(SwiftName.type(self.enumeration.name, suffix: "Enum")): ProtobufEnum") { text in
            text.line("package var rawValue: Int32")
            text.line("package init(rawValue: Int32) { self.rawValue = rawValue }")
            for value in self.enumeration.values {
                text.document(value.comment)
                text.line("package static var \(self.swiftName(value.name)): Self { Self(rawValue: \(value.number)) }")
            }
            let values = self.enumeration.values.map { "(.\(self.swiftName($0.name)), \"\($0.name)\")" }
            text.line("package static var declaredValues: [(value: Self, name: String)] {")
            text.line("    [")
            for value in values { text.line("        \(value),") }
            text.line("    ]")
            text.line("}")
        }
    }

    private func swiftName(_ value: String) -> String { SwiftName.enumValue(value, of: self.enumeration.name) }
}
