internal import HTTP2Session
internal import RPCCore

/// A call as its handler has it: what it reads and what it sends.
extension ServerCall: CallEndpoint {
    func takeMessagesNow() -> Result<MessageBatch?, RPCError>? {
        defer {
            self.giveCredit()
            self.noteHeld()
        }
        return self.inbox.takeNow()
    }

    func takeMessages(into reader: Waiter) {
        self.inbox.take(into: reader)
        self.giveCredit()
        self.noteHeld()
        self.connection.scheduleFlush()
    }

    func checkOpen() throws(RPCError) {
        if let ending { throw ending }
    }

    func send(_ message: [UInt8]) throws(RPCError) -> Bool {
        try self.prepareToSend(message.count)
        self.connection.session.enqueue(message, on: self.stream)
        return self.connection.hasRoom(for: self)
    }

    func send(_ size: Int, _ write: (inout OutputSpan<UInt8>) -> Void) throws(RPCError) -> Bool {
        try self.prepareToSend(size)
        self.connection.session.enqueue(size, on: self.stream, write)
        return self.connection.hasRoom(for: self)
    }

    /// - Parameter count: bytes of the message, its prefix included.
    private func prepareToSend(_ count: Int) throws(RPCError) {
        try self.checkSize(count)
        try self.sendHeaders()
        self.sentBytes += count
        self.connection.activity.messagesSent += 1
        self.connection.scheduleFlush()
    }

    var hasRoomNow: Bool { !self.machine.isOver && self.connection.hasRoom(for: self) }

    /// - Parameter framedCount: bytes of a response, its prefix included.
    func checkSize(_ framedCount: Int) throws(RPCError) {
        let count = framedCount - MessagePrefix.size
        let limit = self.connection.server.configuration.responseSizeMax
        guard count > limit else { return }
        throw RPCError(code: .resourceExhausted, message: "the response has \(count) bytes, more than the limit of \(limit)")
    }

    func sendHeaders() throws(RPCError) {
        guard !self.machine.hasSentHeaders else { return }
        // Before the machine is told: when the metadata cannot be sent, the call can still end with its status alone.
        let metadata = try self.initialMetadata()
        guard case .afterHeaders = self.machine.send() else { throw self.ending ?? Self.hasEnded }
        var headers = self.headers
        if let codec = self.context.settleResponseCodec() { headers.fields.append(HeaderField("grpc-encoding", codec.name)) }
        if !metadata.isEmpty { headers.fields += ResponseFields.fields(metadata.wireFields) }
        self.connection.session.submitResponse(self.stream, headers: headers, endStream: false)
        self.connection.scheduleFlush()
    }

    private func initialMetadata() throws(RPCError) -> Metadata {
        guard let metadata = self.context.responseMetadata?.initial, !metadata.isEmpty else { return Metadata() }
        guard metadata.wireFields.size + ResponseFields.headersSize <= Int(self.connection.session.remoteHeaderListLimit) else {
            throw RPCError(code: .internal, message: "the initial metadata is larger than the header list that the client takes")
        }
        return metadata
    }

    func waitForRoom(_ writer: Waiter) {
        if let ending { return _ = writer.answer(.failure(ending)) }
        if self.connection.hasRoom(for: self) { return _ = writer.answer(.success(nil)) }
        if self.writers.isEmpty { self.connection.writerBlocked(self) }
        self.writers.append(writer)
    }

    /// A handler ends its responses by returning.
    func finishSending() {}
}
