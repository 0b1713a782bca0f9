import Foundation
import Glibc

/// The right to use a database file: an exclusive lock on a file beside it, held until `release` or the end of the process.
///
/// SQLite's own lock is taken too late for that: a second process would have read the file before it learns that it may not.
/// The lock file stays: removing it would let two processes lock two files of the same name.
final class DatabaseFile: Sendable {
    let path: String
    private let lock: FileHandle

    var walPath: String { self.path + "-wal" }

    /// Makes the directory (mode 0700) where it does not exist, and the file (mode 0600) too unless it is to be put there afterwards.
    init(claiming path: String, creatingFile: Bool = true) throws(SQLiteOpenError) {
        self.path = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        try Self.createDirectory(of: self.path)
        self.lock = try Self.lock(besides: self.path)
        if creatingFile { try Self.createFile(self.path) }
    }

    func release() {
        // Said, and not left to the closing: a process that is being forked has the descriptor too, until it becomes another program.
        _ = flock(self.lock.fileDescriptor, LOCK_UN)
        try? self.lock.close()
    }

    private static func createDirectory(of path: String) throws(SQLiteOpenError) {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .failed(path: path, reason: "directory \(directory): \(error.localizedDescription)")
        }
    }

    private static func lock(besides path: String) throws(SQLiteOpenError) -> FileHandle {
        let lockPath = path + ".lock"
        try self.createFile(lockPath)
        guard let handle = FileHandle(forUpdatingAtPath: lockPath) else {
            throw .failed(path: path, reason: "lock file \(lockPath) cannot be opened")
        }
        // A program that this one starts must not go on holding the lock.
        guard handle.closingOnExec != nil, flock(handle.fileDescriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            throw code == EWOULDBLOCK ? .inUse(path: path) : .failed(path: path, reason: "lock file \(lockPath): errno \(code)")
        }
        return handle
    }

    /// An existing file is left as it is.
    private static func createFile(_ path: String) throws(SQLiteOpenError) {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]) else {
            throw .failed(path: path, reason: "the file \(path) cannot be created")
        }
    }
}

extension FileHandle {
    /// Nil when the system refuses that.
    var closingOnExec: FileHandle? { fcntl(self.fileDescriptor, F_SETFD, FD_CLOEXEC) == 0 ? self : nil }
}
