import FoundationEssentials
import Glibc

/// Files that only their owner may read.
enum PrivateFile {
    private static let othersMask: mode_t = 0o077

    /// Puts a file of mode 0600 in the place of another, whole or not at all.
    static func write(_ bytes: [UInt8], to path: String) throws {
        // What is written and renamed gets its mode from the mask, which is the process': to be called where nothing else makes files.
        let mask = umask(self.othersMask)
        defer { umask(mask) }
        try Data(bytes).write(to: URL(filePath: path), options: .atomic)
    }
}
