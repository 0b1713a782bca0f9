internal import CConsolePages

/// The files that the compiler put into the program.
enum EmbeddedPages {
    static let all: [(name: String, bytes: [UInt8])] = (0..<ConsolePages_count()).map { index in
        // The only unsafe place of this target: constants of C, which live as long as the program.
        let page = unsafe ConsolePages_at(index).pointee
        return unsafe (String(cString: page.name), Array(UnsafeBufferPointer(start: page.bytes, count: page.size)))
    }
}
