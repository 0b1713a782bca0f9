internal import ProtobufWire

/// The files of a `google.protobuf.FileDescriptorSet` and what is declared in them, by full names without a leading dot.
///
/// Only what the index needs is decoded. Each file's bytes are kept as they are, so that nothing of them is lost on the way out.
package struct DescriptorIndex: Sendable {
    /// The bytes are no encoded descriptor set.
    package struct Malformed: Error {}

    struct File: Sendable {
        var name: String
        /// The encoded `FileDescriptorProto`.
        var bytes: [UInt8]
        /// Names of the files that it imports.
        var dependencies: [String]
    }

    private var files: [String: File] = [:]
    /// The name of the file that declares a symbol.
    private var declaringFiles: [String: String] = [:]
    /// Numbers of the extensions of a message, with the name of the file that declares each.
    private var extensions: [String: [Int32: String]] = [:]
    private var messages: Set<String> = []

    package init(descriptorSet: [UInt8]) throws(Malformed) {
        do throws(WireError) {
            for field in try WireField.fields(of: descriptorSet[...]) where field.number == 1 { try self.add(file: field.bytes) }
        } catch {
            throw Malformed()
        }
    }

    func file(named name: String) -> File? { self.files[name] }

    /// The file that declares a message, field, enum, enum value, extension, service or method.
    func file(declaring symbol: String) -> File? {
        self.declaringFiles[Self.withoutDot(symbol)].flatMap { self.files[$0] }
    }

    func file(extending message: String, number: Int32) -> File? {
        self.extensions[Self.withoutDot(message)]?[number].flatMap { self.files[$0] }
    }

    /// Ascending; nil when there is no such message.
    func extensionNumbers(of message: String) -> [Int32]? {
        let message = Self.withoutDot(message)
        guard self.messages.contains(message) || self.extensions[message] != nil else { return nil }
        return self.extensions[message]?.keys.sorted() ?? []
    }

    /// The file and everything that it imports, directly or not, each once, the file itself first.
    func closure(of file: File) -> [File] {
        var found = [file]
        var seen: Set<String> = [file.name]
        var next = 0
        while next < found.count {
            for name in found[next].dependencies where seen.insert(name).inserted {
                if let dependency = self.files[name] { found.append(dependency) }
            }
            next += 1
        }
        return found
    }

    private static func withoutDot(_ name: String) -> String {
        name.hasPrefix(".") ? String(name.dropFirst()) : name
    }
}

// Field numbers are those of google/protobuf/descriptor.proto.
extension DescriptorIndex {
    private mutating func add(file bytes: ArraySlice<UInt8>) throws(WireError) {
        let fields = try WireField.fields(of: bytes)
        let name = fields.text(1)
        let package = fields.text(2)
        self.files[name] = File(name: name, bytes: Array(bytes), dependencies: fields.filter { $0.number == 3 }.map(\.text))
        for field in fields {
            switch field.number {
            case 4: try self.add(message: field.bytes, in: package, file: name)
            case 5: try self.add(enum: field.bytes, in: package, file: name)
            case 6: try self.add(service: field.bytes, in: package, file: name)
            case 7: try self.add(extension: field.bytes, in: package, file: name)
            default: break
            }
        }
    }

    private mutating func add(message bytes: ArraySlice<UInt8>, in scope: String, file: String) throws(WireError) {
        let fields = try WireField.fields(of: bytes)
        let message = scope.appending(fields.text(1))
        self.messages.insert(message)
        self.declaringFiles[message] = file
        for field in fields {
            switch field.number {
            // Fields and oneofs.
            case 2, 8: self.declaringFiles[message.appending(try WireField.fields(of: field.bytes).text(1))] = file
            case 3: try self.add(message: field.bytes, in: message, file: file)
            case 4: try self.add(enum: field.bytes, in: message, file: file)
            case 6: try self.add(extension: field.bytes, in: message, file: file)
            default: break
            }
        }
    }

    /// The values of an enum are named in the scope around it, as in C++.
    private mutating func add(enum bytes: ArraySlice<UInt8>, in scope: String, file: String) throws(WireError) {
        let fields = try WireField.fields(of: bytes)
        self.declaringFiles[scope.appending(fields.text(1))] = file
        for value in fields where value.number == 2 {
            self.declaringFiles[scope.appending(try WireField.fields(of: value.bytes).text(1))] = file
        }
    }

    /// A service with its methods.
    private mutating func add(service bytes: ArraySlice<UInt8>, in scope: String, file: String) throws(WireError) {
        let fields = try WireField.fields(of: bytes)
        let name = scope.appending(fields.text(1))
        self.declaringFiles[name] = file
        for method in fields where method.number == 2 {
            self.declaringFiles[name.appending(try WireField.fields(of: method.bytes).text(1))] = file
        }
    }

    private mutating func add(extension bytes: ArraySlice<UInt8>, in scope: String, file: String) throws(WireError) {
        let fields = try WireField.fields(of: bytes)
        self.declaringFiles[scope.appending(fields.text(1))] = file
        let number = fields.last { $0.number == 3 }?.number64 ?? 0
        self.extensions[Self.withoutDot(fields.text(2)), default: [:]][Int32(truncatingIfNeeded: number)] = file
    }
}

extension [WireField] {
    /// The last content of a text field; empty when it is not there.
    fileprivate func text(_ number: Int) -> String {
        self.last { $0.number == number }?.text ?? ""
    }
}

extension String {
    /// The full name of what is called `name` in this scope; an empty scope is the one outside of all packages.
    fileprivate func appending(_ name: String) -> String {
        self.isEmpty ? name : "\(self).\(name)"
    }
}
