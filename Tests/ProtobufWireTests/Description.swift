import ProtobufWire

/// Describes any generated value, field by field, the way `peer.py` describes the same message.
///
/// Goes by reflection, so that it shares nothing with the generated readers and writers that it checks.
func describe(_ value: Any) -> String {
    switch value {
    case let number as Double: number.isNaN ? "nan" : "d" + hex(number.bitPattern, digits: 16)
    case let number as Float: number.isNaN ? "nan" : "f" + hex(UInt64(number.bitPattern), digits: 8)
    case let flag as Bool: flag ? "true" : "false"
    case let number as any BinaryInteger: "\(number)"
    case let text as String: "s" + hex(Array(text.utf8))
    // By type, because an empty array of anything can be cast to an array of anything.
    case let bytes as [UInt8] where type(of: value) == [UInt8].self: "b" + hex(bytes)
    case let value as any ProtobufEnum: "\(value.rawValue)"
    case let message as any ProtobufMessage: describeFields(of: message)
    default: describeContainer(Mirror(reflecting: value))
    }
}

private func describeFields(of message: any ProtobufMessage) -> String {
    let parts = Mirror(reflecting: message).children.compactMap { child -> String? in
        guard let name = child.label, let value = present(child.value) else { return nil }
        return "\(name):\(describe(value))"
    }
    return "{" + parts.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }).joined(separator: ";") + "}"
}

/// The value, out of its optional; nil when there is none.
private func present(_ value: Any) -> Any? {
    let mirror = Mirror(reflecting: value)
    return mirror.displayStyle == .optional ? mirror.children.first?.value : value
}

private func describeContainer(_ mirror: Mirror) -> String {
    switch mirror.displayStyle {
    case .dictionary:
        let entries = mirror.children.map { entry in
            let pair = Array(Mirror(reflecting: entry.value).children)
            return "\(describe(pair[0].value))=\(describe(pair[1].value))"
        }
        return "<" + entries.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }).joined(separator: ",") + ">"
    case .enum:  // a oneof: the case and its payload
        guard let member = mirror.children.first, let name = member.label else { return "?" }
        return "\(name)(\(describe(member.value)))"
    default:
        return "[" + mirror.children.map { describe($0.value) }.joined(separator: ",") + "]"
    }
}

private func hex(_ number: UInt64, digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: digits - text.count) + text
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
