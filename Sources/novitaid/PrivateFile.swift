import FoundationEssentials
import Glibc
import SystemPackage

/// Files that hold secrets or say who may come in: whole or not at all, after a crash too.
enum PrivateFile {
    /// Puts a file in the place of another, whose owner and mode it gets: a server that runs as another user must go on being able to read
    /// it. A new one is readable by its owner only. A link stays, and the file that it names is replaced.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let path = self.target(of: path)
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
        let folder = try FileDescriptor.open(self.folder(of: path), .readOnly)
        try folder.closeAfter { try self.force(folder) }
    }

    /// Waits until nobody else edits the file, and keeps others waiting until `body` is done. The lock is its folder's: the file itself is replaced
    /// by each edit.
    static func edit<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        let lock = try FileDescriptor.open(self.folder(of: self.target(of: path)), .readOnly, options: .closeOnExec)
        return try lock.closeAfter {
            while flock(lock.rawValue, LOCK_EX) != 0 {
                guard errno == EINTR else { throw Errno(rawValue: errno) }
            }
            return try body()
        }
    }

    /// Who may read and write the file, as the lowest nine bits say; of the file that a link names.
    static func mode(of path: String) throws -> mode_t { try self.status(of: path).st_mode & 0o777 }

    private static func folder(of path: String) -> FilePath {
        let folder = FilePath(path).removingLastComponent()
        return folder.isEmpty ? "." : folder
    }

    private static func status(of path: String) throws -> stat {
        var status = stat()
        // The structure is this function's, and `stat` fills it in.
        guard unsafe stat(path, &status) == 0 else { throw Errno(rawValue: errno) }
        return status
    }

    /// The path itself where there is nothing yet.
    private static func target(of path: String) -> String {
        // A string of its own, which is copied and freed here.
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    private static func inherit(from path: String, to file: FileDescriptor) throws {
        guard let before = try? self.status(of: path) else { return }
        // Only root gives files away; whoever else writes here owns the old file, or will own the new one.
        if geteuid() == 0, fchown(file.rawValue, before.st_uid, before.st_gid) != 0 { throw Errno(rawValue: errno) }
        guard fchmod(file.rawValue, before.st_mode & 0o777) == 0 else { throw Errno(rawValue: errno) }
    }

    private static func force(_ file: FileDescriptor) throws {
        guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }
}
