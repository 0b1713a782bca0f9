import Foundation
import Glibc
import Synchronization

/// The file of the write-ahead log, to be asked for its size after every commit: by a descriptor that stays open, since Foundation answers
/// by name only together with the names of the owner and the group, for which it reads two files of the system each time.
final class LogFile: Sendable {
    private let path: String
    /// SQLite makes the file with the first write, and keeps it until the database is closed.
    private let handle = Mutex<FileHandle?>(nil)

    init(path: String) {
        self.path = path
    }

    /// 0 when there is none.
    var bytes: Int {
        self.handle.withLock { handle in
            if handle == nil { handle = FileHandle(forReadingAtPath: self.path)?.closingOnExec }
            return handle.map { max(0, lseek($0.fileDescriptor, 0, SEEK_END)) } ?? 0
        }
    }

    func close() {
        self.handle.withLock { handle in
            try? handle?.close()
            handle = nil
        }
    }
}
