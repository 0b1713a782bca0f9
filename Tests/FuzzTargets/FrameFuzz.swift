import HTTP2Frames
import HTTP2Session

/// A server's session that answers every request at once, as its driver would use it.
enum FrameFuzz {
    /// Bytes of output that one feeding may bring: what the input asks for is acknowledged, refused or answered with little.
    private static let outputMax = 1 << 20

    static func run(_ bytes: [UInt8]) {
        guard let selector = bytes.first, let session = try? HTTP2Session(role: .server) else { return }
        _ = session.output(upTo: self.outputMax)
        guard session.feed(Frame.preface, at: 0) else { return }
        var now: UInt64 = 0
        for piece in Pieces(bytes.dropFirst(), selector: selector) {
            now += 1_000_000
            let isFed = session.feed(piece, at: now)
            self.answer(session, to: piece)
            let output = session.output(at: now, upTo: self.outputMax)
            precondition(output.count <= self.outputMax, "\(piece.count) bytes brought \(output.count)")
            precondition(session.bufferedBytes >= 0 && session.openStreamCount >= 0)
            if !isFed { break }
        }
        let abandoned = session.abandonStreams()
        precondition(session.openStreamCount == 0 && abandoned.allSatisfy { !$0.isOpen })
    }

    private static func answer(_ session: HTTP2Session, to input: [UInt8]) {
        var events: [HTTP2Event] = []
        session.takeEvents(into: &events)
        for event in events {
            switch event {
            case .headers(let stream, let block, _):
                var size = 0
                session.forEachField(of: block) { name, value in size += name.count + value.count }
                precondition(size <= 1 << 20)
                session.respond(stream, headers: self.headers, message: [0, 0, 0, 0, 1, 42], trailers: self.trailers)
            case .data(let stream, let range, _):
                precondition(range.upperBound <= input.count, "what came lies within what was fed")
                session.consume(range.count, on: stream)
            case .closed, .settings, .pingAcknowledged, .goAway: break
            }
        }
        session.dropHeaders()
    }

    private static let headers = OutgoingHeaders(fields: [HeaderField(":status", "200"), HeaderField("content-type", "application/grpc")])
    private static let trailers = OutgoingHeaders(fields: [HeaderField("grpc-status", "0")])
}
