internal import Glibc
internal import HTTP2Session
internal import NIOCore

/// What a session has to send: bytes that it has written one behind the other, and parts of messages that lie where they were made.
struct GatheredOutput {
    let written: ByteBuffer
    let lent: [LentPart]

    var count: Int { self.written.readableBytes + self.lent.reduce(0) { $0 + $1.range.count } }

    private enum Piece {
        case written(Range<Int>)
        case lent([UInt8], Range<Int>)

        var count: Int {
            switch self {
            case .written(let range), .lent(_, let range): range.count
            }
        }
    }

    /// In the order of sending.
    private func forEachPiece(_ body: (Piece) -> Void) {
        var position = 0
        for part in self.lent {
            if part.position > position { body(.written(position..<part.position)) }
            position = part.position
            body(.lent(part.bytes, part.range))
        }
        if self.written.readableBytes > position { body(.written(position..<self.written.readableBytes)) }
    }

    /// Gives it to a channel's socket, past the channel, which must be open and have nothing of its own that waits.
    ///
    /// - Returns: how many bytes the socket took. None when it is broken, which the channel finds when it is given the rest.
    func send(to socket: NIOBSDSocket.Handle) -> Int {
        // The vectors point into the buffer, which the closure has for as long as it runs, and into arrays that `lent` keeps and nobody changes:
        // an array has its elements in one place. The kernel only reads them, and is done with that when `sendmsg` returns.
        unsafe self.written.withUnsafeReadableBytes { written in
            var vectors = unsafe [iovec]()
            unsafe vectors.reserveCapacity(2 * self.lent.count + 1)
            self.forEachPiece { piece in
                let start: UnsafeRawPointer?
                switch piece {
                case .written(let range): unsafe start = written.baseAddress.map { unsafe $0 + range.lowerBound }
                case .lent(let bytes, let range):
                    unsafe start = bytes.withUnsafeBytes { unsafe $0.baseAddress.map { unsafe $0 + range.lowerBound } }
                }
                unsafe vectors.append(iovec(iov_base: UnsafeMutableRawPointer(mutating: start), iov_len: piece.count))
            }
            return withExtendedLifetime(self.lent) {
                unsafe vectors.withUnsafeMutableBufferPointer { vectors in
                    var message = unsafe msghdr()
                    unsafe message.msg_iov = vectors.baseAddress
                    unsafe message.msg_iovlen = vectors.count
                    let sent = unsafe sendmsg(socket, &message, Int32(MSG_NOSIGNAL))
                    return max(0, sent)
                }
            }
        }
    }

    /// All but the first `count` bytes, copied.
    func rest(after count: Int) -> ByteBuffer {
        var skipped = count
        var rest = ByteBuffer()
        rest.reserveCapacity(self.count - count)
        self.forEachPiece { piece in
            let passed = min(skipped, piece.count)
            skipped -= passed
            guard passed < piece.count else { return }
            switch piece {
            case .written(let range):
                guard
                    let bytes = self.written.getSlice(
                        at: self.written.readerIndex + range.lowerBound + passed, length: range.count - passed)
                else { return }
                rest.writeImmutableBuffer(bytes)
            case .lent(let bytes, let range): rest.writeBytes(bytes[(range.lowerBound + passed)..<range.upperBound])
            }
        }
        return rest
    }
}

extension Channel {
    /// The socket below, which is the channel's for as long as that is active; nil when it has none. To be asked on the loop.
    var socketNow: NIOBSDSocket.Handle? {
        // A number, which is used again only while the channel is active: it closes the socket and stops being active with no call to others between.
        try? self.pipeline.syncOperations.withUnsafeTransportIfAvailable { $0 }
    }
}
