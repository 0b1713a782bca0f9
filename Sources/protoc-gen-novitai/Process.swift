import Glibc

/// Whole-file reads and writes on descriptors, and running another program between them.
///
/// Proof of every `unsafe` in here: the buffers that the system calls get are Swift's own, with their sizes, and live through the call.
enum Process {
    /// Reads to the end.
    static func readAll(_ descriptor: Int32) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw GeneratorError("cannot read: errno \(errno)") }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw GeneratorError("cannot write: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Runs `program`, found by `PATH`, with `input` on its standard input, and returns its standard output.
    ///
    /// The input is written whole before the output is read: protoc's plugins read their request to the end before they answer.
    static func run(_ program: String, input: [UInt8]) throws -> [UInt8] {
        let (inputReader, inputWriter) = try Self.makePipe()
        let (outputReader, outputWriter) = try Self.makePipe()
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, inputReader, STDIN_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, outputWriter, STDOUT_FILENO)
        for descriptor in [inputReader, inputWriter, outputReader, outputWriter] {
            unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var process: pid_t = 0
        let status = unsafe program.withCString { name in
            var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [UnsafeMutablePointer(mutating: name), nil]
            return unsafe posix_spawnp(&process, name, &actions, nil, &arguments, environ)
        }
        guard status == 0 else { throw GeneratorError("cannot start \(program): errno \(status); is protobuf-c-compiler installed?") }
        close(inputReader)
        close(outputWriter)
        try Self.writeAll(input, to: inputWriter)
        close(inputWriter)
        let output = try Self.readAll(outputReader)
        close(outputReader)
        try Self.waitForSuccess(of: process, program)
        return output
    }

    private static func makePipe() throws -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw GeneratorError("cannot make a pipe: errno \(errno)") }
        return (ends[0], ends[1])
    }

    private static func waitForSuccess(of process: pid_t, _ program: String) throws {
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw GeneratorError("cannot wait for \(program): errno \(errno)") }
        }
        guard status == 0 else { throw GeneratorError("\(program) failed with wait status \(status)") }
    }
}
