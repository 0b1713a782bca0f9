/// Key and value pairs that travel beside the messages: in the request's headers, in the response's headers and in its trailers.
///
/// Ordered and multi-valued. A key that ends in `-bin` has bytes as its value, every other key printable ASCII
/// (grpc/grpc `doc/PROTOCOL-HTTP2.md`, "Custom-Metadata"). Nothing that is illegal on the wire can be appended.
package struct Metadata: Sendable, Hashable {
    package enum Value: Sendable, Hashable {
        /// Bytes 0x20–0x7E without blanks at either end.
        case ascii(String)
        /// Any bytes; base64 on the wire.
        case binary([UInt8])
    }

    package struct Field: Sendable, Hashable {
        package let name: String
        package let value: Value
    }

    package private(set) var fields: [Field] = []

    package init() {}

    package var isEmpty: Bool { self.fields.isEmpty }

    /// The first ASCII value of `name`.
    package subscript(name: String) -> String? {
        for field in self.fields where field.name == name {
            if case .ascii(let text) = field.value { return text }
        }
        return nil
    }

    /// The first binary value of `name`, which ends in `-bin`.
    package subscript(binary name: String) -> [UInt8]? {
        for field in self.fields where field.name == name {
            if case .binary(let bytes) = field.value { return bytes }
        }
        return nil
    }

    /// All values of `name`, in their order.
    package func values(of name: String) -> [Value] {
        self.fields.compactMap { $0.name == name ? $0.value : nil }
    }

    /// - Throws: INTERNAL when the name or the value may not travel: reserved or badly spelled names, characters beyond printable ASCII.
    package mutating func append(_ value: String, for name: String) throws(RPCError) {
        try Self.checkName(name, binary: false)
        guard Self.isLegalText(value) else {
            throw RPCError(code: .internal, message: "metadata \"\(name)\": the value is not printable ASCII without outer blanks")
        }
        self.fields.append(Field(name: name, value: .ascii(value)))
    }

    /// - Throws: INTERNAL when `name` is reserved, badly spelled or does not end in `-bin`.
    package mutating func append(binary value: [UInt8], for name: String) throws(RPCError) {
        try Self.checkName(name, binary: true)
        self.fields.append(Field(name: name, value: .binary(value)))
    }

    package mutating func append(contentsOf other: Metadata) {
        if self.fields.isEmpty { self = other } else { self.fields.append(contentsOf: other.fields) }
    }

    /// Takes a field from the wire, whose name HTTP/2 has already checked and whose value the caller has decoded.
    package mutating func append(received field: Field) {
        self.fields.append(field)
    }

    package mutating func removeAll(named name: String) {
        self.fields.removeAll { $0.name == name }
    }
}

// Values may be secrets: tokens travel here. Whatever prints a call's options or a context shows the names alone.

extension Metadata: CustomStringConvertible, CustomReflectable {
    package var description: String { "Metadata(\(self.fields.map(\.name).joined(separator: ", ")))" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Metadata.Field: CustomStringConvertible, CustomReflectable {
    package var description: String { "Field(\(self.name))" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Metadata.Value: CustomStringConvertible, CustomReflectable {
    package var description: String { "Value(redacted)" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
