/// The places where bytes of strangers are taken apart, each as a function of bytes alone: for libFuzzer, and for the tests, which run the
/// corpus and seeded mutations of it. A fault is a trap: of the code under test, or of what is asserted here about its outcome.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// What a client sends on a connection, from its preface on.
    case frames
    /// What a server sends to a client that has made some calls.
    case responses
    /// The fields of a request or a response.
    case heads
    /// The bytes of a stream's DATA frames.
    case framing
    /// Messages of protobuf.
    case messages
    /// Compressed messages.
    case compressed

    package func run(_ bytes: [UInt8]) {
        switch self {
        case .frames: FrameFuzz.run(bytes)
        case .responses: ResponsesFuzz.run(bytes)
        case .heads: HeadsFuzz.run(bytes)
        case .framing: FramingFuzz.run(bytes)
        case .messages: MessageFuzz.run(bytes)
        case .compressed: CompressedFuzz.run(bytes)
        }
    }
}

/// Bytes that are given in pieces, whose sizes come from the input too.
struct Pieces: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>
    private let size: Int

    /// - Parameter selector: 0 gives all in one piece, otherwise that many bytes at a time.
    init(_ bytes: ArraySlice<UInt8>, selector: UInt8) {
        self.rest = bytes
        self.size = selector == 0 ? Int.max : Int(selector)
    }

    mutating func next() -> [UInt8]? {
        guard !self.rest.isEmpty else { return nil }
        defer { self.rest = self.rest.dropFirst(self.size) }
        return Array(self.rest.prefix(self.size))
    }
}
