internal import JSONText
internal import RPCCore

/// A value of the config and where it stands, to be read as what it must be. By protobuf's JSON mapping: absent and null are the same,
/// 64-bit numbers may be strings, durations are seconds with an `s`.
struct ConfigReader {
    private let json: JSON
    private let path: String

    init(_ json: JSON, at path: String) {
        self.json = json
        self.path = path
    }

    func error(_ reason: String) -> ServiceConfigError { ServiceConfigError(field: self.path, reason: reason) }

    func error(_ member: String, _ reason: String) -> ServiceConfigError {
        ServiceConfigError(field: self.path.isEmpty ? member : "\(self.path).\(member)", reason: reason)
    }

    func object(_ name: String) throws(ServiceConfigError) -> ConfigReader? {
        guard let value = try self.member(name) else { return nil }
        guard case .object = value else { throw self.error(name, "must be an object") }
        return ConfigReader(value, at: self.path(of: name))
    }

    /// The elements; none when it is absent.
    func list(_ name: String) throws(ServiceConfigError) -> [ConfigReader] {
        guard let value = try self.member(name) else { return [] }
        guard case .array(let elements) = value else { throw self.error(name, "must be a list") }
        return elements.enumerated().map { ConfigReader($0.element, at: "\(self.path(of: name))[\($0.offset)]") }
    }

    func string(_ name: String) throws(ServiceConfigError) -> String? {
        guard let value = try self.member(name) else { return nil }
        guard case .string(let text) = value else { throw self.error(name, "must be a string") }
        return text
    }

    func bool(_ name: String) throws(ServiceConfigError) -> Bool? {
        guard let value = try self.member(name) else { return nil }
        guard case .bool(let flag) = value else { throw self.error(name, "must be true or false") }
        return flag
    }

    func number(_ name: String) throws(ServiceConfigError) -> Double? {
        switch try self.member(name) {
        case nil: nil
        case .number(let digits), .string(let digits): try self.number(digits, name)
        default: throw self.error(name, "must be a number")
        }
    }

    /// In bytes.
    func size(_ name: String) throws(ServiceConfigError) -> Int? {
        guard let number = try self.number(name) else { return nil }
        guard let size = Int(exactly: number), size >= 0 else { throw self.error(name, "must be a number of bytes") }
        return size
    }

    func duration(_ name: String) throws(ServiceConfigError) -> Duration? {
        guard let text = try self.string(name) else { return nil }
        guard text.hasSuffix("s"), let seconds = Double(text.dropLast()), (0...Self.secondsMax).contains(seconds) else {
            throw self.error(name, "must be seconds with an s behind them, as 1.5s")
        }
        return .nanoseconds(Int64((seconds * 1e9).rounded()))
    }

    /// The value itself, as the name or the number of a status.
    func code() throws(ServiceConfigError) -> RPCError.Code {
        let code: RPCError.Code? =
            switch self.json {
            case .string(let name): RPCError.Code.allCases.first { $0.description == name.uppercased() }
            case .number(let digits): UInt8(digits).flatMap { RPCError.Code(rawValue: $0) }
            default: nil
            }
        guard let code, code != .ok else { throw self.error("must be the name or the number of a status that is no success") }
        return code
    }

    /// Some 285 years, in nanoseconds just below the largest integer.
    private static let secondsMax = 9e9

    private func path(of name: String) -> String { self.path.isEmpty ? name : "\(self.path).\(name)" }

    private func number(_ digits: String, _ name: String) throws(ServiceConfigError) -> Double {
        guard let number = Double(digits) else { throw self.error(name, "must be a number") }
        return number
    }

    private func member(_ name: String) throws(ServiceConfigError) -> JSON? {
        guard case .object(let members) = self.json else { throw self.error("must be an object") }
        // Of several the last, as JSON's readers do.
        guard let value = members.last(where: { $0.key == name })?.value, value != .null else { return nil }
        return value
    }
}
