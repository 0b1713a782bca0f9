import HTTP2Frames
import HTTP2Session

extension HTTP2Session {
    func feed(_ bytes: [UInt8], at now: UInt64 = 0) throws(HTTP2SessionError) { try self.receive(bytes.span, at: now) }

    /// All that is ready to be sent, drained through a buffer of `size` bytes.
    func output(size: Int = 64 << 10, at now: UInt64 = 0) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = self.outputOnce(size: size, at: now)
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    /// What fits into one buffer of `size` bytes.
    func outputOnce(size: Int, at now: UInt64 = 0) -> [UInt8] {
        // The closure says how many bytes it initialised, and `drain` initialises what it counts.
        unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            var span = unsafe OutputRawSpan(buffer: UnsafeMutableRawBufferPointer(buffer), initializedCount: 0)
            self.drain(into: &span, at: now)
            count = unsafe span.finalize(for: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    func frames() -> [SentFrame] { SentFrame.parse(self.output()) }

    func events() -> [HTTP2Event] {
        var events: [HTTP2Event] = []
        self.takeEvents(into: &events)
        return events
    }

    func fields(of block: HeaderBlock) -> [String] {
        var fields: [String] = []
        self.forEachField(of: block) { name, value in
            let text = { (span: Span<UInt8>) in String(decoding: span.indices.map { span[$0] }, as: UTF8.self) }
            fields.append("\(text(name))=\(text(value))")
        }
        return fields
    }

    /// A server that has shaken hands, its own SETTINGS already sent and acknowledged.
    static func server(_ configuration: HTTP2SessionConfiguration = HTTP2SessionConfiguration()) throws -> HTTP2Session {
        let session = try HTTP2Session(role: .server, configuration: configuration)
        _ = session.output()
        try session.feed(Frame.preface + Frame.settings() + Frame.settingsAcknowledgement)
        _ = session.output()
        _ = session.events()
        return session
    }

    /// The stream of the only request among the events.
    func request() throws -> HTTP2Stream {
        for case .headers(let stream, _, _) in self.events() { return stream }
        throw HTTP2SessionError(reason: "no request")
    }
}

/// A client and a server that hear each other.
struct Pair {
    let client: HTTP2Session
    let server: HTTP2Session

    init(server: HTTP2SessionConfiguration = HTTP2SessionConfiguration(), client: HTTP2SessionConfiguration = HTTP2SessionConfiguration())
        throws
    {
        self.client = try HTTP2Session(role: .client, configuration: client)
        self.server = try HTTP2Session(role: .server, configuration: server)
        try self.exchange()
    }

    /// Until neither has anything to say.
    ///
    /// - Returns: what they said first, in which the bytes of DATA lie that events tell of.
    @discardableResult
    func exchange() throws -> (toServer: [UInt8], toClient: [UInt8]) {
        let first = try self.exchangeOnce()
        var last = first
        while !last.toServer.isEmpty || !last.toClient.isEmpty { last = try self.exchangeOnce() }
        return first
    }

    private func exchangeOnce() throws -> (toServer: [UInt8], toClient: [UInt8]) {
        let there = self.client.output()
        try self.server.feed(there)
        let back = self.server.output()
        try self.client.feed(back)
        return (there, back)
    }
}
