import Foundation
import Testing

/// Runs `peer.py`, which has google.protobuf, on frames of bytes.
enum PythonPeer {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// The interpreter is named by `NOVITAI_TEST_PYTHON`; without it these tests fail, because skipping them would prove nothing.
    static func run(_ arguments: [String], _ frames: [[UInt8]]) throws -> [[UInt8]] {
        guard let python = ProcessInfo.processInfo.environment["NOVITAI_TEST_PYTHON"], !python.isEmpty else {
            throw Failure(description: "NOVITAI_TEST_PYTHON names no Python interpreter with the protobuf package; scripts/test sets it")
        }
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "peer.py").path
        return self.frames(in: Array(try self.output(of: python, [script] + arguments, input: Data(frames.flatMap(self.frame)))))
    }

    private static func output(of program: String, _ arguments: [String], input: Data) throws -> Data {
        // The input goes by way of a file: the peer writes while it reads, and two full pipes would wait for each other.
        let file = FileManager.default.temporaryDirectory.appending(path: "novitai-peer-\(UUID().uuidString)")
        try input.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: "peer.py ended with status \(process.terminationStatus)") }
        return data
    }

    private static func frame(_ content: [UInt8]) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: content.count >> (24 - 8 * $0)) } + content
    }

    private static func frames(in bytes: [UInt8]) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        var position = 0
        while position < bytes.count {
            let length = bytes[position..<(position + 4)].reduce(0) { $0 << 8 | Int($1) }
            frames.append(Array(bytes[(position + 4)..<(position + 4 + length)]))
            position += 4 + length
        }
        return frames
    }
}
