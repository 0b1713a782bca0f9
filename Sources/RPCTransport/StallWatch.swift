/// Finds what has been half done for too long: a value. It is looked at every so often while there is something half done, and notices
/// that nothing has moved between two looks; so a timeout is exact to one look.
struct StallWatch {
    /// One thing that should move on: how far it is, and since when.
    struct Mark {
        private var progress: Int?
        private var since: UInt64 = 0

        /// - Parameter progress: nil while there is nothing to wait for.
        /// - Returns: for how long nothing has moved.
        mutating func look(at now: UInt64, _ progress: Int?) -> UInt64 {
            guard let progress, self.progress == progress else {
                self.progress = progress
                self.since = now
                return 0
            }
            return now - self.since
        }
    }

    /// Of one call.
    struct CallMarks {
        var request = Mark()
        var response = Mark()
    }

    enum Verdict: Equatable {
        case none
        /// A request message does not come to its end.
        case requestStalled
        /// The client does not take the response.
        case responseStalled
    }

    private let limits: ConnectionLimits
    private var headerBlock = Mark()
    private var output = Mark()

    init(_ limits: ConnectionLimits) { self.limits = limits }

    /// - Parameters:
    ///   - headerBlock: bytes of a header block that has begun and not ended; nil when there is none.
    ///   - output: bytes that the socket has taken, while more are to be sent; nil when there are none.
    /// - Returns: why the connection is to be ended.
    mutating func look(at now: UInt64, headerBlock: Int?, output: Int?) -> String? {
        // A block is to come to its end, not only to go on: dribbling is stalling.
        if self.headerBlock.look(at: now, headerBlock.map { _ in 0 }) >= self.limits.headerBlockTimeout.wholeNanoseconds {
            return "header_block_timeout"
        }
        if self.output.look(at: now, output) >= self.limits.connectionStallTimeout.wholeNanoseconds { return "connection_stalled" }
        return nil
    }

    /// - Parameters:
    ///   - request: bytes received, while a message is incomplete that the handler waits for; nil otherwise.
    ///   - response: bytes sent, while there are more to send; nil otherwise.
    func look(at now: UInt64, _ marks: inout CallMarks, request: Int?, response: Int?) -> Verdict {
        let requestStall = marks.request.look(at: now, request)
        let responseStall = marks.response.look(at: now, response)
        if requestStall >= self.limits.messageTimeout.wholeNanoseconds { return .requestStalled }
        if responseStall >= self.limits.streamStallTimeout.wholeNanoseconds { return .responseStalled }
        return .none
    }
}
