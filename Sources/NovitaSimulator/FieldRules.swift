/// The limits of the API's fields that several calls share.
enum FieldRules {
    /// Ports the provider keeps for itself.
    private static let reservedPorts = 2222...2224
    /// Ports and tools together.
    private static let portsMax = 15

    static func check(_ text: String, _ field: String, length: ClosedRange<Int>) throws(APIError) {
        guard length.contains(text.unicodeScalars.count) else {
            throw .invalid(field, "value length must be between \(length.lowerBound) and \(length.upperBound) characters, inclusive")
        }
    }

    @discardableResult
    static func check(_ text: String, port field: String) throws(APIError) -> Int {
        guard let number = Int(text), (1...65535).contains(number), !self.reservedPorts.contains(number) else {
            throw .invalid(field, "\"\(text)\" is not a port in 1...65535 outside \(self.reservedPorts)")
        }
        return number
    }

    static func check(_ ports: [ExposedPort], tools: Int) throws(APIError) {
        for port in ports { try self.check(String(port.number), port: "ports") }
        guard ports.count + tools <= self.portsMax else {
            throw .invalid("ports", "no more than \(self.portsMax) ports and tools together")
        }
        guard Set(ports.map(\.number)).count == ports.count else { throw .invalid("ports", "a port is named twice") }
    }

    static func check(_ environment: [EnvironmentVariable]) throws(APIError) {
        guard environment.count <= 100 else { throw .invalid("envs", "must have no more than 100 items") }
        for variable in environment {
            try self.check(variable.key, "envs.key", length: 0...511)
            try self.check(variable.value, "envs.value", length: 0...4095)
        }
    }
}
