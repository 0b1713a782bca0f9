import Foundation
import FuzzTargets

/// The inputs that are kept beside the targets.
enum Corpus {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
        path: "FuzzTargets")

    /// By name: of the corpus, and those that once broke something.
    static func inputs(of target: FuzzTarget) throws -> [[UInt8]] {
        try ["Corpus", "Crashers"].flatMap { part in
            let folder = self.folder.appending(path: "\(part)/\(target.rawValue)")
            guard FileManager.default.fileExists(atPath: folder.path) else { return [[UInt8]]() }
            let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            return try files.sorted { $0.path < $1.path }.map { Array(try Data(contentsOf: $0)) }
        }
    }
}
