import ProtobufWire

/// What the generator refuses, with a text that names the culprit.
struct GeneratorError: Error, Equatable {
    var message: String

    init(_ message: String) { self.message = message }
}

/// Checks that everything asked for can be generated and is safe to unpack.
struct Validation {
    let types: TypeTable

    func check(_ files: [FileSchema]) throws(GeneratorError) {
        for file in files {
            guard file.syntax == "proto3" else { throw GeneratorError("\(file.path): only proto3 is supported") }
            for message in file.messages.flatMap(\.flattened) { try self.check(message) }
            for service in file.services { try self.check(service) }
        }
    }

    private func check(_ message: MessageSchema) throws(GeneratorError) {
        guard message.fields.count <= WireLimits.declaredFields else {
            throw GeneratorError("\(message.fullName): \(message.fields.count) fields, at most \(WireLimits.declaredFields) are supported")
        }
        for field in message.fields {
            guard field.type == .message || field.type == .enum else { continue }
            guard self.types.messages[field.typeName] != nil || self.types.enums[field.typeName] != nil else {
                throw GeneratorError("\(message.fullName).\(field.name): \(field.typeName) is not among the files to generate")
            }
        }
        if self.contains(message.fullName, from: message, through: { !$0.isRepeated }) {
            throw GeneratorError("\(message.fullName) contains itself; a Swift value cannot")
        }
    }

    /// protobuf-c unpacks by recursion without a limit of its own, so a request's depth has to be bounded by its type.
    private func check(_ service: ServiceSchema) throws(GeneratorError) {
        for method in service.methods {
            for name in [method.input, method.output] where self.types.messages[name] == nil {
                throw GeneratorError("\(service.fullName).\(method.name): \(name) is not among the files to generate")
            }
            guard let cycle = self.cycle(from: method.input) else { continue }
            throw GeneratorError("\(service.fullName).\(method.name): the request holds \(cycle), which contains itself")
        }
    }

    /// A message type that can be reached from `request` and contains itself.
    private func cycle(from request: String) -> String? {
        self.reachable(from: request) { _ in true }.union([request]).sorted().first { name in
            self.types.messages[name].map { self.contains(name, from: $0) { _ in true } } ?? false
        }
    }

    private func contains(_ name: String, from message: MessageSchema, through follows: (FieldSchema) -> Bool) -> Bool {
        self.reachable(from: message.fullName, through: follows).contains(name)
    }

    /// The message types in the fields of `start`, and in theirs, along the fields that `follows` admits.
    private func reachable(from start: String, through follows: (FieldSchema) -> Bool) -> Set<String> {
        var found: Set<String> = []
        var waiting = [start]
        while let name = waiting.popLast() {
            for field in self.types.messages[name]?.fields ?? [] where field.type == .message && follows(field) {
                if found.insert(field.typeName).inserted { waiting.append(field.typeName) }
            }
        }
        return found
    }
}
