import RPCCore
import Testing

@Suite("Messages out of DATA frames")
struct MessageReassemblerTests {
    private static let wire: [UInt8] = frame([1, 2, 3]) + frame([]) + frame([UInt8](repeating: 9, count: 300))

    static func frame(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
        [flag, 0, UInt8(message.count >> 16), UInt8(message.count >> 8 & 255), UInt8(message.count & 255)] + message
    }

    @Test("frame borders mean nothing", arguments: 1...wire.count)
    func borders(_ chunkSize: Int) throws {
        var reassembler = MessageReassembler(limit: 1000)
        var messages: [[UInt8]] = []
        for start in stride(from: 0, to: Self.wire.count, by: chunkSize) {
            let chunk = Array(Self.wire[start..<min(start + chunkSize, Self.wire.count)])
            messages += try reassembler.messages(in: chunk).map { Array($0.storage[$0.range]) }
        }
        #expect(messages.map(\.count) == [3, 0, 300])
        #expect(messages.first == [1, 2, 3])
        #expect(reassembler.partialCount == 0)
    }

    @Test("a message that is not complete counts as partial", arguments: 1..<8)
    func partial(_ count: Int) throws {
        var reassembler = MessageReassembler(limit: 1000)
        #expect(try reassembler.messages(in: Array(Self.wire[..<count])).isEmpty)
        #expect(reassembler.partialCount == count)
    }

    @Test("a message beyond the limit is refused on its prefix, one at the limit is not")
    func limit() throws {
        var exact = MessageReassembler(limit: 3)
        #expect(try exact.messages(in: Self.frame([1, 2, 3])).map(\.count) == [3])
        var beyond = MessageReassembler(limit: 3)
        #expect { try beyond.messages(in: [0, 0xFF, 0xFF, 0xFF, 0xFF]) } throws: { ($0 as? RPCError)?.code == .resourceExhausted }
    }

    @Test("a prefix whose flag is not 0 is an error: nothing is compressed without grpc-encoding", arguments: [1, 2, 255] as [UInt8])
    func flag(_ flag: UInt8) {
        var reassembler = MessageReassembler(limit: 10)
        #expect { try reassembler.messages(in: Self.frame([1], flag: flag)) } throws: { ($0 as? RPCError)?.code == .internal }
    }

    @Test("with a coding each message says for itself whether it is in it", arguments: [1, 1000])
    func codings(_ chunkSize: Int) throws {
        let codec = MessageCodec(
            name: "twice", compress: { _, _ in [] }, decompress: { bytes, _ in Array(copying: bytes) + Array(copying: bytes) })
        var reassembler = MessageReassembler(limit: 10, decoder: MessageDecoder(codec, limit: 10))
        let wire = Self.frame([1], flag: 1) + Self.frame([2]) + Self.frame([3], flag: 1)
        var messages: [ReceivedMessage] = []
        for start in stride(from: 0, to: wire.count, by: chunkSize) {
            messages += try reassembler.messages(in: Array(wire[start..<min(start + chunkSize, wire.count)]))
        }
        #expect(messages.map(\.isCompressed) == [true, false, true])
        #expect(try messages.map { try $0.decoded(as: BytesMessage.self).bytes } == [[1, 1], [2], [3, 3]])
        #expect { try reassembler.messages(in: Self.frame([1], flag: 2)) } throws: { ($0 as? RPCError)?.code == .internal }
    }

    @Test("the refused prefix may be cut")
    func cutRefusal() throws {
        var reassembler = MessageReassembler(limit: 3)
        #expect(try reassembler.messages(in: [0, 0]).isEmpty)
        #expect { try reassembler.messages(in: [0, 0, 4]) } throws: { ($0 as? RPCError)?.code == .resourceExhausted }
    }

    @Test("messages that are complete within a frame come together, no more than are asked for", arguments: [1, 2, 3, 100])
    func batches(_ limit: Int) throws {
        var reassembler = MessageReassembler(limit: 1000)
        var counts: [Int] = []
        var messages: [Int] = []
        for var batch in try reassembler.batches(in: Self.wire + [0, 0], atMost: limit) {
            counts.append(batch.count)
            #expect(batch.byteCount > batch.firstByteCount || batch.count == 1)
            while let message = batch.popFirst() { messages.append(message.count) }
            #expect(batch.isEmpty && batch.count == 0 && batch.byteCount == 0)
        }
        #expect(counts == [1: [1, 1, 1], 2: [2, 1], 3: [3], 100: [3]][limit])
        #expect(messages == [3, 0, 300])
        #expect(reassembler.partialCount == 2)
    }

    @Test("what comes before a refused message in its frame is delivered before the refusal", arguments: [0, 1, 5, 6])
    func refusalWithinBatch(_ cut: Int) throws {
        var reassembler = MessageReassembler(limit: 3)
        let wire = Self.frame([1]) + Self.frame([2, 3]) + Self.frame([4, 5, 6, 7]) + Self.frame([8])
        var offset = 0
        let first = Array(wire[..<cut])
        let isFirstWhole = try reassembler.next(atMost: 100, from: first.span, at: &offset) != nil
        #expect(offset == cut)
        #expect(isFirstWhole == (cut == 6))
        #expect(try reassembler.next(atMost: 100, from: wire.span, at: &offset)?.count == (isFirstWhole ? 1 : 2))
        #expect { try reassembler.next(atMost: 100, from: wire.span, at: &offset) } throws: {
            ($0 as? RPCError)?.code == .resourceExhausted
        }
    }

    @Test(
        "a message that is completed by a frame comes together with those behind it, unless more of it is here than they have with its rest",
        arguments: [([20, 20, 300, 1], [4]), ([300, 298], [2]), ([300, 297], [1, 1]), ([300, 20, 20], [1, 2])])
    func joined(_ sizes: [Int], _ counts: [Int]) throws {
        var reassembler = MessageReassembler(limit: 1000)
        let frames = sizes.map { Self.frame([UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0)) }
        let wire = frames.flatMap { $0 }
        let cut = frames[0].count - 1
        #expect(try reassembler.batches(in: Array(wire[..<cut])).isEmpty)
        var batches = try reassembler.batches(in: Array(wire[cut...]))
        #expect(batches.map(\.count) == counts)
        var messages: [Int] = []
        for index in batches.indices {
            while let message = batches[index].popFirst() {
                messages.append(message.count)
                #expect(message.storage[message.range].allSatisfy { $0 == UInt8(truncatingIfNeeded: message.count) })
            }
        }
        #expect(messages == sizes)
    }

    @Test(
        "a message in parts has little more memory than it needs, wherever it is cut",
        arguments: [
            (8000, [7995, 1, 4]), (8000, [4000, 4000]), (16_379, [16_000, 1, 300]), (16_380, [3000, 300, 13_000]),
            (65_536, [16_384, 1, 49_000]),
        ])
    func memory(_ size: Int, _ cuts: [Int]) throws {
        var reassembler = MessageReassembler(limit: 1 << 20)
        var left = Self.frame([UInt8](repeating: 1, count: size))
        for cut in cuts {
            #expect(try reassembler.batches(in: Array(left.prefix(cut))).isEmpty)
            left.removeFirst(cut)
        }
        let message = try #require(try reassembler.messages(in: left).first)
        #expect(message.count == size)
        #expect(message.storage.capacity <= size + MessagePrefix.size + 64)
    }

    @Test("credit goes back for what was taken, and for a part that is waited for")
    func credit() {
        var credit = ReceiveCredit()
        credit.received(100)
        #expect(credit.due(queued: 60, partial: 40, isAwaited: false) == 0)
        #expect(credit.due(queued: 0, partial: 40, isAwaited: false) == 60)
        #expect(credit.due(queued: 0, partial: 40, isAwaited: true) == 40)
        credit.received(10)
        // The part became a message of 50 bytes that nobody took: the 40 that went back early count for it.
        #expect(credit.due(queued: 50, partial: 0, isAwaited: false) == 0)
        #expect(credit.due(queued: 0, partial: 0, isAwaited: false) == 10)
    }
}

extension MessageReassembler {
    /// All that is complete with `bytes`.
    fileprivate mutating func batches(in bytes: [UInt8], atMost limit: Int = .max) throws(RPCError) -> [MessageBatch] {
        var (batches, offset) = ([MessageBatch](), 0)
        while let batch = try self.next(atMost: limit, from: bytes.span, at: &offset) { batches.append(batch) }
        return batches
    }

    fileprivate mutating func messages(in bytes: [UInt8]) throws(RPCError) -> [ReceivedMessage] {
        try self.batches(in: bytes, atMost: 1).map { batch throws(RPCError) in
            var batch = batch
            return batch.popFirst()
        }.compactMap { $0 }
    }
}
