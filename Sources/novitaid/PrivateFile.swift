import FoundationEssentials
import Glibc
import SystemPackage

/// Files that hold secrets or say who may come in: whole or not at all, after a crash too.
enum PrivateFile {
    /// Puts a file in the place of another, whose owner and mode it gets: a server that runs as another user must go on being able to read
    /// it. A new one is readable by its owner only.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let partial = path + ".new"
        // Left behind by a process that was killed: nobody else has this name.
        try? FileManager.default.removeItem(atPath: partial)
        do {
            let file = try FileDescriptor.open(
                FilePath(partial), .writeOnly, options: [.create, .exclusiveCreate], permissions: [.ownerReadWrite])
            try file.closeAfter {
                try file.writeAll(bytes)
                try self.inherit(from: path, to: file)
                try self.force(file)
            }
            guard unsafe rename(partial, path) == 0 else { throw Errno(rawValue: errno) }
        } catch {
            try? FileManager.default.removeItem(atPath: partial)
            throw error
        }
        // The name, too, must be on the disk.
        let folder = try FileDescriptor.open(FilePath(path).removingLastComponent().orCurrent, .readOnly)
        try folder.closeAfter { try self.force(folder) }
    }

    private static func inherit(from path: String, to file: FileDescriptor) throws {
        guard let before = try? FileManager.default.attributesOfItem(atPath: path),
            let mode = self.number(before[.posixPermissions]), let owner = self.number(before[.ownerAccountID]),
            let group = self.number(before[.groupOwnerAccountID])
        else { return }
        // Only root gives files away; whoever else writes here owns the old file, or will own the new one.
        if geteuid() == 0, fchown(file.rawValue, owner, group) != 0 { throw Errno(rawValue: errno) }
        guard fchmod(file.rawValue, mode) == 0 else { throw Errno(rawValue: errno) }
    }

    private static func number(_ attribute: Any?) -> UInt32? {
        (attribute as? UInt).map { UInt32(truncatingIfNeeded: $0) } ?? (attribute as? Int).map { UInt32(truncatingIfNeeded: $0) }
    }

    private static func force(_ file: FileDescriptor) throws {
        guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }
}

extension FilePath {
    fileprivate var orCurrent: FilePath { self.isEmpty ? "." : self }
}
