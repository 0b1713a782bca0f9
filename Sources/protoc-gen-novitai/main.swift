// A protoc plugin: a CodeGeneratorRequest on standard input, a CodeGeneratorResponse on standard output.
import Glibc
import ProtobufWire

func respond(to request: [UInt8]) -> GeneratorResponse {
    do {
        let generator = try Generator(GeneratorRequest(request))
        return GeneratorResponse(files: try generator.generate { try Process.run("protoc-gen-c", input: $0) })
    } catch let error as GeneratorError {
        return GeneratorResponse(error: error.message)
    } catch {
        return GeneratorResponse(error: "\(error)")
    }
}

do {
    try Process.writeAll(respond(to: try Process.readAll(STDIN_FILENO)).encoded, to: STDOUT_FILENO)
} catch {
    print("protoc-gen-novitai: \(error)")
    exit(1)
}
