import HTTP2Session

/// What goes into a session, and what it has to say.
extension HTTP2Session {
    /// - Returns: whether the session goes on.
    func feed(_ bytes: [UInt8], at now: UInt64) -> Bool {
        do throws(HTTP2SessionError) {
            try self.receive(bytes.span, at: now)
            return true
        } catch {
            return false
        }
    }

    /// - Parameter limit: bytes beyond which no more is asked for.
    func output(at now: UInt64 = 0, upTo limit: Int) -> [UInt8] {
        var all: [UInt8] = []
        while all.count <= limit {
            // The closure says how many bytes it initialised, and `drain` initialises what it counts.
            let part = unsafe [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                var span = unsafe OutputRawSpan(buffer: UnsafeMutableRawBufferPointer(buffer), initializedCount: 0)
                self.drain(into: &span, at: now)
                count = unsafe span.finalize(for: UnsafeMutableRawBufferPointer(buffer))
            }
            guard !part.isEmpty else { return all }
            all += part
        }
        return all
    }
}
