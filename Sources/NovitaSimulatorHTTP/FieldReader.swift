internal import NovitaSimulator

/// Reads the fields of a JSON object the way the API does: absent, null and zero are the same, and a number may come as text.
/// Every complaint is a `VALIDATOR_PARAM` that names the field.
struct FieldReader {
    private let object: JSONValue
    private let prefix: String

    /// The whole body; nothing at all reads as `{}`.
    init(body: [UInt8]) throws(APIError) {
        guard !body.isEmpty else {
            self.init(object: [:], prefix: "")
            return
        }
        guard let value = JSONValue(parsing: body), case .object = value else { throw .invalid("body", "expected a JSON object") }
        self.init(object: value, prefix: "")
    }

    private init(object: JSONValue, prefix: String) {
        self.object = object
        self.prefix = prefix
    }

    /// Refuses what is not in `keys`: a misspelt option must not pass for an absent one.
    func expectOnly(_ keys: Set<String>) throws(APIError) {
        guard case .object(let members) = self.object else { return }
        for member in members where !keys.contains(member.key) {
            throw .invalid(self.prefix + member.key, "unknown field; known are \(keys.sorted().joined(separator: ", "))")
        }
    }

    func has(_ key: String) -> Bool {
        self.value(key) != nil
    }

    func string(_ key: String) throws(APIError) -> String {
        switch self.value(key) {
        case nil: return ""
        case .string(let value)?: return value
        default: throw .invalid(self.prefix + key, "expected a string")
        }
    }

    func bool(_ key: String) throws(APIError) -> Bool {
        switch self.value(key) {
        case nil: return false
        case .bool(let value)?: return value
        default: throw .invalid(self.prefix + key, "expected true or false")
        }
    }

    func integer(_ key: String) throws(APIError) -> Int? {
        switch self.value(key) {
        case nil: return nil
        case .integer(let value)?: return Int(value)
        case .string(let text)?:
            if let value = Int(text) { return value }
        case .number(let value)?:
            if let value = Int(exactly: value) { return value }
        default: break
        }
        throw .invalid(self.prefix + key, "expected an integer")
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = try self.integer(key) else { return nil }
        guard range.contains(value) else { throw .invalid(self.prefix + key, "expected \(range.lowerBound)...\(range.upperBound)") }
        return value
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
        let value: Double
        switch self.value(key) {
        case nil: return nil
        case .integer(let integer)?: value = Double(integer)
        case .number(let number)?: value = number
        default: throw .invalid(self.prefix + key, "expected a number")
        }
        guard range.contains(value) else { throw .invalid(self.prefix + key, "expected \(range.lowerBound)...\(range.upperBound)") }
        return value
    }

    /// A list of objects.
    func list(_ key: String) throws(APIError) -> [FieldReader] {
        guard let value = self.value(key) else { return [] }
        guard case .array(let elements) = value else { throw .invalid(self.prefix + key, "expected an array") }
        var readers: [FieldReader] = []
        for element in elements {
            guard case .object = element else { throw .invalid(self.prefix + key, "expected an array of objects") }
            readers.append(FieldReader(object: element, prefix: "\(self.prefix)\(key)."))
        }
        return readers
    }

    /// Nil when it is not there.
    func object(_ key: String) throws(APIError) -> FieldReader? {
        guard let value = self.value(key) else { return nil }
        guard case .object = value else { throw .invalid(self.prefix + key, "expected an object") }
        return FieldReader(object: value, prefix: "\(self.prefix)\(key).")
    }

    func strings(_ key: String) throws(APIError) -> [String] {
        try self.elements(key) { if case .string(let text) = $0 { text } else { nil } }
    }

    func integers(_ key: String) throws(APIError) -> [Int] {
        try self.elements(key) { element in
            switch element {
            case .integer(let value): Int(value)
            case .string(let text): Int(text)
            default: nil
            }
        }
    }

    private func elements<Element>(_ key: String, _ read: (JSONValue) -> Element?) throws(APIError) -> [Element] {
        guard let value = self.value(key) else { return [] }
        guard case .array(let elements) = value else { throw .invalid(self.prefix + key, "expected an array") }
        let read = elements.compactMap(read)
        guard read.count == elements.count else { throw .invalid(self.prefix + key, "an element is of another type") }
        return read
    }

    private func value(_ key: String) -> JSONValue? {
        let value = self.object[key]
        return value == .null ? nil : value
    }
}
