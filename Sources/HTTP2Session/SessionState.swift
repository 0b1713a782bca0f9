internal import CNghttp2

/// What the callbacks of one nghttp2 session read and write. Owned by its ``HTTP2Session``, which gives nghttp2 a pointer to it.
@safe final class SessionState {
    let role: HTTP2Role
    private let limits: (headerList: Int, headerListHard: Int, headerFields: Int, arena: Int)
    var events: [HTTP2Event] = []
    let arena = HeaderArena()
    var guardian: FloodGuard
    /// The time of the feeding or draining under way, in nanoseconds.
    var now: UInt64 = 0
    /// What is being fed to nghttp2; empty at other times.
    var input = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    /// Bytes of DATA received whose connection credit has not been given back.
    var unconsumed = 0
    /// Bytes waiting in all streams' queues.
    private(set) var bufferedBytes = 0
    /// Large messages among them.
    private var largeCount = 0
    var hasLarge: Bool { self.largeCount > 0 }

    /// The PING that is to follow the next GOAWAY. nghttp2 sends PINGs before everything else, so it is not submitted earlier.
    var pingAfterGoAway: UInt64?

    /// What the last GOAWAY of ours said, when it was not NO_ERROR: nghttp2 ends the connections of most that break the rules by itself.
    var goAwayCode: HTTP2ErrorCode?

    /// The open streams. nghttp2's stream objects point to them without owning them.
    private var streams: [HTTP2Stream?] = []
    private var freeSlots: [Int] = []
    private(set) var streamCount = 0

    /// The header block being received. It may come in several feedings, so it outlives the blocks before it.
    private var isBlockOpen = false
    private var blockNumber = 0
    private var blockStream: Int32 = 0
    private var blockStart = 0
    private var blockBytes = 0
    private var blockFields = 0
    private var isBlockTruncated = false

    /// Where the output goes while it is drained; nil at other times.
    private var output: UnsafeMutableRawPointer?
    private(set) var outputCount = 0
    var outputCapacity = 0
    /// What is sent from where it lies, together with the output; nil when all is to be copied.
    private var lent: [LentPart]?
    private var lentCount = 0

    init(role: HTTP2Role, configuration: HTTP2SessionConfiguration) {
        self.role = role
        self.limits = (
            configuration.headerListLimit, configuration.headerListHardLimit, configuration.headerFieldLimit, configuration.headerArenaLimit
        )
        self.guardian = FloodGuard(limits: configuration.floodLimits)
    }

    // MARK: Streams

    func insert(_ stream: HTTP2Stream) {
        if let slot = self.freeSlots.popLast() {
            stream.slot = slot
            self.streams[slot] = stream
        } else {
            stream.slot = self.streams.count
            self.streams.append(stream)
        }
        self.streamCount += 1
    }

    func remove(_ stream: HTTP2Stream) {
        self.change(stream) { $0.removeAll() }
        stream.isOpen = false
        // Refused before its end, or at it.
        if stream.id == self.blockStream { self.isBlockOpen = false }
        self.streams[stream.slot] = nil
        self.freeSlots.append(stream.slot)
        self.streamCount -= 1
    }

    /// The stream with `id`, by a search: for what happens seldom.
    func stream(id: Int32) -> HTTP2Stream? { self.streams.lazy.compactMap { $0 }.first { $0.id == id } }

    var openStreams: [HTTP2Stream] { self.streams.compactMap { $0 } }

    /// Every stream whose end nobody has heard of, for when the connection is lost: those that are open, and those that the last output has
    /// ended. The latter are known to the events alone, and would keep their owners, which keep the session, which keeps the events.
    func removeAllStreams() -> [HTTP2Stream] {
        let open = self.openStreams
        for stream in open { self.remove(stream) }
        defer { self.events = [] }
        return open + self.events.compactMap { if case .closed(let stream, _) = $0 { stream } else { nil } }
    }

    // MARK: Header blocks

    var openBlock: Int? { self.isBlockOpen ? self.blockNumber : nil }

    func beginBlock(of stream: Int32) {
        self.isBlockOpen = true
        self.blockNumber += 1
        self.blockStream = stream
        self.blockStart = self.arena.fieldCount
        self.blockBytes = 0
        self.blockFields = 0
        self.isBlockTruncated = false
    }

    /// The memory must be readable for the lengths given.
    ///
    /// - Returns: false when the block is beyond all bearing: its rest is decoded, as nghttp2 cannot leave that, and dropped.
    func addField(name: UnsafePointer<UInt8>, _ nameLength: Int, value: UnsafePointer<UInt8>, _ valueLength: Int) -> Bool {
        self.blockBytes += nameLength + valueLength + 32
        self.blockFields += 1
        if self.blockBytes > self.limits.headerListHard || self.blockFields > self.limits.headerFields {
            self.guardian.headerListOversized(isBeyondBearing: self.blockBytes > self.limits.headerListHard)
            self.stream(id: self.blockStream)?.isHeaderListOversized = true
            self.isBlockOpen = false
            return false
        }
        if self.blockBytes > self.limits.headerList || self.arena.byteCount > self.limits.arena { self.isBlockTruncated = true }
        if !self.isBlockTruncated { unsafe self.arena.append(name: name, nameLength, value: value, valueLength) }
        return true
    }

    func endBlock() -> HeaderBlock {
        self.isBlockOpen = false
        return HeaderBlock(fields: self.blockStart..<self.arena.fieldCount, isTruncated: self.isBlockTruncated)
    }

    /// Forgets all blocks but the one whose end has not come. One that was refused before its end may stay until the next begins.
    func dropBlocks() {
        guard self.isBlockOpen else { return self.arena.removeAll() }
        self.arena.removeFields(before: self.blockStart)
        self.blockStart = 0
    }

    // MARK: Data

    /// Where `count` bytes at `address` lie in what is fed; nil when they are not part of it.
    func place(of address: UnsafePointer<UInt8>?, _ count: Int) -> Range<Int>? {
        guard let input = unsafe self.input.baseAddress, let address = unsafe address else { return nil }
        // Addresses are compared, nothing is read.
        let (start, size) = (UInt(bitPattern: address) &- UInt(bitPattern: input), unsafe self.input.count)
        guard start <= UInt(size), count <= size - Int(start) else { return nil }
        return Int(start)..<Int(start) + count
    }

    /// The peer has ended its side with a DATA frame, whose bytes are the last event when it had any.
    func dataEnded(_ stream: HTTP2Stream) {
        if case .data(let last, let range, _)? = self.events.last, last === stream {
            self.events[self.events.count - 1] = .data(stream, range, endStream: true)
        } else {
            self.events.append(.data(stream, 0..<0, endStream: true))
        }
    }

    // MARK: Output

    /// Bytes that a frame of ours may have: the payload that we never exceed, the frame's head, and padding, which we do not use.
    static let frameSizeMax = 16_384 + 9

    /// Whatever becomes of a stream's queue is to be done here, where all of them are counted.
    @inline(__always)
    func change<R>(_ stream: HTTP2Stream, _ body: (inout OutboundQueue) -> R) -> R {
        let (bytes, large) = (stream.outbound.byteCount, stream.outbound.largeCount)
        defer {
            self.bufferedBytes += stream.outbound.byteCount - bytes
            self.largeCount += stream.outbound.largeCount - large
        }
        return body(&stream.outbound)
    }

    func beginOutput(_ base: UnsafeMutableRawPointer, isLending: Bool) {
        unsafe self.output = base
        self.outputCount = 0
        self.lent = isLending ? [] : nil
        self.lentCount = 0
    }

    /// - Returns: what is lent.
    func endOutput() -> [LentPart] {
        unsafe self.output = nil
        defer { self.lent = nil }
        return self.lent ?? []
    }

    /// Bytes that may still be written; none when enough is lent.
    var outputRoom: Int { self.lentCount < LentPart.totalMax ? self.outputCapacity - self.outputCount : 0 }

    /// The caller has seen to it that the bytes fit, behind those that are written already.
    func write(_ bytes: UnsafeRawBufferPointer) {
        guard let output = unsafe self.output, let source = bytes.baseAddress else { return }
        unsafe (output + self.outputCount).copyMemory(from: source, byteCount: bytes.count)
        self.outputCount += bytes.count
    }

    /// Moves `count` bytes of the stream's messages to the output. The caller has seen to it that they fit.
    func write(_ count: Int, from stream: HTTP2Stream) {
        guard let output = unsafe self.output else { return }
        self.change(stream) { queue in
            let copied = self.lent == nil ? count : self.lend(count, from: &queue)
            unsafe queue.copy(into: UnsafeMutableRawBufferPointer(start: output + self.outputCount, count: copied))
            self.outputCount += copied
        }
    }

    /// - Returns: how many of the `count` bytes have to be copied behind those that are lent.
    private func lend(_ count: Int, from queue: inout OutboundQueue) -> Int {
        var left = count
        while let part = queue.lend(atMost: left) {
            self.lent?.append(LentPart(position: self.outputCount, bytes: part.bytes, range: part.range))
            self.lentCount += part.range.count
            left -= part.range.count
        }
        return left
    }
}
