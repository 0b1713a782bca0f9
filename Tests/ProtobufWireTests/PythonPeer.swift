import Foundation
import TestSupport

/// Runs `peer.py`, which has google.protobuf, on frames of bytes.
enum PythonPeer {
    static func run(_ arguments: [String], _ frames: [[UInt8]]) async throws -> [[UInt8]] {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "peer.py").path
        let outcome = try await ChildProcess(TestPython.path, [script] + arguments).run(input: frames.flatMap(self.frame))
        guard outcome.status == 0 else {
            throw ChildProcess.Failure(description: "peer.py ended with status \(outcome.status): \(outcome.errors)")
        }
        return self.frames(in: outcome.output)
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
