import HTTP2Session

/// What a session has to say.
enum SessionOutput {
    /// - Parameter limit: bytes beyond which no more is asked for.
    static func of(_ session: HTTP2Session, at now: UInt64 = 0, upTo limit: Int) -> [UInt8] {
        var all: [UInt8] = []
        while all.count <= limit {
            // The closure says how many bytes it initialised, and `drain` initialises what it counts.
            let part = unsafe [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                var span = unsafe OutputRawSpan(buffer: UnsafeMutableRawBufferPointer(buffer), initializedCount: 0)
                session.drain(into: &span, at: now)
                count = unsafe span.finalize(for: UnsafeMutableRawBufferPointer(buffer))
            }
            guard !part.isEmpty else { return all }
            all += part
        }
        return all
    }
}
