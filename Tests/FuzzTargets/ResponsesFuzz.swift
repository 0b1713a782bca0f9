import Compression
import HTTP2Session
import RPCCore

/// A client's session with a few calls under way, and whatever a server may send it.
enum ResponsesFuzz {
    private static let calls = 3
    private static let messageMax = 4096
    /// Bytes of output that one feeding may bring: acknowledgements, credit and resets.
    private static let outputMax = 1 << 20

    /// A call as a client's connection has it.
    private final class Call {
        let stream: HTTP2Stream
        var machine: ClientStreamMachine
        var reassembler = MessageReassembler(limit: ResponsesFuzz.messageMax)
        let hasSingleResponse: Bool
        var messages = 0
        var ends = 0

        init(_ kind: MethodDescriptor.Kind, _ stream: HTTP2Stream) {
            self.stream = stream
            self.machine = ClientStreamMachine(kind: kind, codecs: .standard)
            self.hasSingleResponse = kind.hasSingleResponse
        }

        func end(_ end: ClientStreamMachine.End?) {
            guard let end else { return }
            self.ends += 1
            precondition(self.ends == 1 && self.machine.isOver, "a call ends once")
            precondition(
                end.error != nil || !self.hasSingleResponse || self.messages == 1, "one response is what a unary call that is OK has")
        }
    }

    static func run(_ bytes: [UInt8]) {
        guard let selector = bytes.first, let session = try? HTTP2Session(role: .client) else { return }
        var calls: [ObjectIdentifier: Call] = [:]
        for number in 0..<self.calls {
            guard let stream = session.submitRequest(headers: self.headers) else { continue }
            session.enqueue([0, 0, 0, 0, 1, 42], on: stream)
            if number != 1 { session.finish(stream) }
            calls[ObjectIdentifier(stream)] = Call(number == 0 ? .unary : .bidirectionalStreaming, stream)
        }
        _ = session.output(upTo: self.outputMax)
        var now: UInt64 = 0
        for piece in Pieces(bytes.dropFirst(), selector: selector) {
            now += 1_000_000
            let isFed = session.feed(piece, at: now)
            self.take(from: session, input: piece.span, calls)
            let output = session.output(at: now, upTo: self.outputMax)
            precondition(output.count <= self.outputMax, "\(piece.count) bytes brought \(output.count)")
            precondition(session.bufferedBytes >= 0 && session.openStreamCount <= self.calls)
            if !isFed { break }
        }
        for stream in session.abandonStreams() { self.close(stream, nil, calls) }
        precondition(calls.values.allSatisfy { $0.ends == 1 }, "no call is left without its end")
    }

    private static let headers = OutgoingHeaders(fields: [
        HeaderField(":method", "POST"), HeaderField(":scheme", "http"), HeaderField(":path", "/a.B/C"), HeaderField(":authority", "a"),
        HeaderField("content-type", "application/grpc"), HeaderField("te", "trailers"),
    ])

    private static func take(from session: HTTP2Session, input: Span<UInt8>, _ calls: [ObjectIdentifier: Call]) {
        var events: [HTTP2Event] = []
        session.takeEvents(into: &events)
        for event in events {
            switch event {
            case .headers(let stream, let block, let endStream):
                let call = self.call(of: stream, calls)
                var head = ResponseHead()
                session.forEachField(of: block) { name, value in head.add(name: name, value: value) }
                if block.isTruncated {
                    if !call.machine.isOver { call.end(call.machine.end(with: RPCError(code: .resourceExhausted, message: "too large"))) }
                } else {
                    self.receive(head, endStream: endStream, call)
                }
                self.dropEnded(call, session)
            case .data(let stream, let range, let endStream):
                session.consume(range.count, on: stream)
                let call = self.call(of: stream, calls)
                self.receive(input.extracting(range), endStream: endStream, call)
                self.dropEnded(call, session)
            case .closed(let stream, let code): self.close(stream, code.rawValue, calls)
            case .settings, .pingAcknowledged, .goAway: break
            }
        }
        session.dropHeaders()
    }

    private static func call(of stream: HTTP2Stream, _ calls: [ObjectIdentifier: Call]) -> Call {
        guard let call = calls[ObjectIdentifier(stream)] else { preconditionFailure("a stream that is nobody's") }
        return call
    }

    private static func close(_ stream: HTTP2Stream, _ resetCode: UInt32?, _ calls: [ObjectIdentifier: Call]) {
        let call = self.call(of: stream, calls)
        call.end(call.machine.closed(resetCode: resetCode))
    }

    /// What else the server has to say of it is not wanted.
    private static func dropEnded(_ call: Call, _ session: HTTP2Session) {
        if call.machine.isOver, call.stream.isOpen { session.reset(call.stream, .cancel) }
    }

    private static func receive(_ head: ResponseHead, endStream: Bool, _ call: Call) {
        switch call.machine.receive(head, endStream: endStream, isWithinMessage: call.reassembler.partialCount > 0) {
        case .ignore: break
        case .headers(_, let codec): call.reassembler.decoder = codec.map { MessageDecoder($0, limit: self.messageMax) }
        case .end(let end): call.end(end)
        }
    }

    private static func receive(_ bytes: Span<UInt8>, endStream: Bool, _ call: Call) {
        guard !call.machine.isOver else { return }
        var offset = 0
        do throws(RPCError) {
            while !call.machine.isOver, try call.reassembler.next(atMost: 1, from: bytes, at: &offset) != nil {
                switch call.machine.messageReceived() {
                case .deliver: call.messages += 1
                case .drop: break
                case .end(let end): call.end(end)
                }
            }
        } catch {
            call.end(call.machine.end(with: error))
        }
        if endStream { call.end(call.machine.dataEnded()) }
    }
}
