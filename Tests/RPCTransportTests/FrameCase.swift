import HTTP2Frames
import RPCTransport
import Testing

/// One thing that a client does to a connection, and what the server must do then. The numbers are those of h2spec's strict list, whose
/// subjects are kept and whose tests are written anew; the sections are of RFC 9113 and RFC 7541.
struct FrameCase: CustomTestStringConvertible, Sendable {
    enum Expected: Sendable {
        /// HEADERS of a response on the stream.
        case response(UInt32)
        /// The stream is reset, or the whole connection ended.
        case streamError(UInt32, [UInt32])
        /// GOAWAY with one of the codes, and the end of the connection.
        case connectionError([UInt32])
        case settingsAcknowledgement
        case pingAcknowledgement
        /// GOAWAY, or the end of the connection.
        case closed
        /// A DATA frame of that many bytes.
        case data(Int)

        /// Whether it is met by the end of the connection alone, which is the last that is heard of it.
        var isTheEnd: Bool {
            if case .closed = self { true } else { false }
        }
    }

    let number: String
    let subject: String
    let expected: Expected
    /// The peer's own SETTINGS.
    let settings: [(UInt16, UInt32)]
    let hasHandshake: Bool
    /// What it sends after the handshake.
    let bytes: [UInt8]
    /// What it sends when stream 1 has been answered to the end.
    let bytesAfterAnswer: [UInt8]

    init(
        _ number: String, _ subject: String, _ expected: Expected, settings: [(UInt16, UInt32)] = [], hasHandshake: Bool = true,
        _ bytes: [UInt8], afterAnswer: [UInt8] = []
    ) {
        self.number = number
        self.subject = subject
        self.expected = expected
        self.settings = settings
        self.hasHandshake = hasHandshake
        self.bytes = bytes
        self.bytesAfterAnswer = afterAnswer
    }

    var testDescription: String { "\(self.number) \(self.subject)" }

    // MARK: Parts of cases

    static let protocolError: UInt32 = 1
    static let flowControlError: UInt32 = 3
    static let streamClosed: UInt32 = 5
    static let frameSizeError: UInt32 = 6
    static let refusedStream: UInt32 = 7
    static let compressionError: UInt32 = 9

    /// A request whose answer has DATA: `GET /livez`.
    static let get = [(":method", "GET"), (":scheme", "http"), (":path", "/livez"), (":authority", "h")]
    /// A call that waits for its requests.
    static let call = [
        (":method", "POST"), (":scheme", "http"), (":path", "/test.v1.Test/Sum"), (":authority", "h"), ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    static let message: [UInt8] = [0, 0, 0, 0, 4, 1, 2, 3, 4]

    static func withFields(_ fields: (String, String)...) -> [UInt8] { Frame.headers(1, self.call + fields, end: true) }
    static func block(_ bytes: [UInt8]) -> [UInt8] { Frame.raw(type: 1, flags: 5, stream: 1, bytes) }
    static func priority(_ stream: UInt32, dependsOn other: UInt32 = 0, exclusive: Bool = false, weight: UInt8 = 0) -> [UInt8] {
        Frame.raw(type: 2, stream: stream, Frame.big(other | (exclusive ? 0x8000_0000 : 0)) + [weight])
    }

    // MARK: The run

    func run(on address: RPCAddress) async throws {
        let peer = self.hasHandshake ? try await .connected(to: address, settings: self.settings) : try await RawPeer(address)
        try await peer.send(self.bytes)
        if !self.bytesAfterAnswer.isEmpty {
            let answer = try await peer.frames { $0.contains { $0.stream == 1 && $0.type < 2 && $0.flags & 1 != 0 } }
            #expect(answer.last?.type != 7, "\(answer.map(\.summary))")
            try await peer.send(self.bytesAfterAnswer)
        }
        let frames = try await peer.frames { self.isMet(by: $0) }
        #expect(self.isMet(by: frames) || self.expected.isTheEnd, "\(frames.map(\.summary))")
        try? await peer.close()
    }

    private func isMet(by frames: [SentFrame]) -> Bool {
        frames.contains { frame in
            switch self.expected {
            case .response(let stream): frame.type == 1 && frame.stream == stream
            case .streamError(let stream, let codes):
                frame.type == 3 && frame.stream == stream && codes.contains(frame.code(at: 0))
                    || frame.type == 7 && codes.contains(frame.code(at: 4))
            case .connectionError(let codes): frame.type == 7 && codes.contains(frame.code(at: 4))
            case .settingsAcknowledgement: frame.type == 4 && frame.flags & 1 != 0
            case .pingAcknowledgement: frame.type == 6 && frame.flags & 1 != 0
            case .closed: frame.type == 7
            case .data(let count): frame.type == 0 && frame.payload.count == count
            }
        }
    }
}

extension SentFrame {
    /// The four bytes at `offset` as a number.
    fileprivate func code(at offset: Int) -> UInt32 { self.payload[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) } }
}
