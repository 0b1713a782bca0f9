import ProtobufWire

/// `google.protobuf.compiler.CodeGeneratorResponse`.
struct GeneratorResponse {
    var files: [OutputFile] = []
    var error: String?

    /// A generator that handles proto3's `optional` says so.
    private static let supportsProto3Optional: UInt64 = 1

    init(files: [OutputFile]) { self.files = files }

    init(error: String) { self.error = error }

    /// Reads the response of another generator.
    ///
    /// - Throws: its error, if it has one.
    init(_ bytes: [UInt8]) throws {
        for field in try WireField.fields(of: bytes[...]) {
            switch field.number {
            case 1: throw GeneratorError("protoc-gen-c: \(field.text)")
            case 15: self.files.append(try Self.file(field.bytes))
            default: break
            }
        }
    }

    private static func file(_ bytes: ArraySlice<UInt8>) throws -> OutputFile {
        var file = OutputFile(name: "", content: "")
        for field in try WireField.fields(of: bytes) {
            switch field.number {
            case 1: file.name = field.text
            case 15: file.content = field.text
            default: throw GeneratorError("protoc-gen-c: an insertion point, which is not supported")
            }
        }
        return file
    }

    var encoded: [UInt8] {
        var writer = WireWriter()
        if let error = self.error { writer.append(error.utf8, to: 1) }
        writer.append(WireField(number: 2, content: .varint(Self.supportsProto3Optional)))
        for file in self.files {
            var encoded = WireWriter()
            encoded.append(file.name.utf8, to: 1)
            encoded.append(file.content.utf8, to: 15)
            writer.append(encoded.bytes, to: 15)
        }
        return writer.bytes
    }
}
