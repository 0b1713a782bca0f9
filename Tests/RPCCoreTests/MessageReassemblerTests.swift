import RPCCore
import Testing

@Suite("Messages out of DATA frames")
struct MessageReassemblerTests {
    private static let wire: [UInt8] = frame([1, 2, 3]) + frame([]) + frame([UInt8](repeating: 9, count: 300))

    static func frame(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
        [flag, 0, 0, UInt8(message.count >> 8), UInt8(message.count & 255)] + message
    }

    @Test("frame borders mean nothing", arguments: 1...wire.count)
    func borders(_ chunkSize: Int) throws {
        var reassembler = MessageReassembler(limit: 1000)
        var messages: [[UInt8]] = []
        for start in stride(from: 0, to: Self.wire.count, by: chunkSize) {
            reassembler.append(Array(Self.wire[start..<min(start + chunkSize, Self.wire.count)]))
            while let message = try reassembler.next() { messages.append(Array(message.storage[message.range])) }
        }
        #expect(messages.map(\.count) == [3, 0, 300])
        #expect(messages.first == [1, 2, 3])
        #expect(reassembler.partialCount == 0)
    }

    @Test("a message that is not complete counts as partial", arguments: 1..<8)
    func partial(_ count: Int) throws {
        var reassembler = MessageReassembler(limit: 1000)
        reassembler.append(Array(Self.wire[..<count]))
        #expect(try reassembler.next() == nil)
        #expect(reassembler.partialCount == count)
    }

    @Test("a message beyond the limit is refused on its prefix, one at the limit is not")
    func limit() throws {
        var exact = MessageReassembler(limit: 3)
        exact.append(Self.frame([1, 2, 3]))
        #expect(try exact.next()?.count == 3)
        var beyond = MessageReassembler(limit: 3)
        beyond.append([0, 0xFF, 0xFF, 0xFF, 0xFF])
        #expect { try beyond.next() } throws: { ($0 as? RPCError)?.code == .resourceExhausted }
    }

    @Test("a prefix whose flag is not 0 is an error: nothing is compressed without grpc-encoding", arguments: [1, 2, 255] as [UInt8])
    func flag(_ flag: UInt8) {
        var reassembler = MessageReassembler(limit: 10)
        reassembler.append(Self.frame([1], flag: flag))
        #expect { try reassembler.next() } throws: { ($0 as? RPCError)?.code == .internal }
    }

    @Test("with a coding each message says for itself whether it is in it", arguments: [1, 1000])
    func codings(_ chunkSize: Int) throws {
        let codec = MessageCodec(
            name: "twice", compress: { _, _ in [] }, decompress: { bytes, _ in Array(copying: bytes) + Array(copying: bytes) })
        var reassembler = MessageReassembler(limit: 10, decoder: MessageDecoder(codec, limit: 10))
        let wire = Self.frame([1], flag: 1) + Self.frame([2]) + Self.frame([3], flag: 1)
        var messages: [ReceivedMessage] = []
        for start in stride(from: 0, to: wire.count, by: chunkSize) {
            reassembler.append(Array(wire[start..<min(start + chunkSize, wire.count)]))
            while let message = try reassembler.next() { messages.append(message) }
        }
        #expect(messages.map(\.isCompressed) == [true, false, true])
        #expect(try messages.map { try $0.decoded(as: BytesMessage.self).bytes } == [[1, 1], [2], [3, 3]])
        reassembler.append(Self.frame([1], flag: 2))
        #expect { try reassembler.next() } throws: { ($0 as? RPCError)?.code == .internal }
    }

    @Test("the refused prefix may be cut")
    func cutRefusal() throws {
        var reassembler = MessageReassembler(limit: 3)
        reassembler.append([0, 0])
        #expect(try reassembler.next() == nil)
        reassembler.append([0, 0, 4])
        #expect { try reassembler.next() } throws: { ($0 as? RPCError)?.code == .resourceExhausted }
    }

    @Test("messages that are complete within a frame come together, no more than are asked for", arguments: [1, 2, 3, 100])
    func batches(_ limit: Int) throws {
        var reassembler = MessageReassembler(limit: 1000)
        reassembler.append(Self.wire + [0, 0])
        var counts: [Int] = []
        var messages: [Int] = []
        while var batch = try reassembler.next(atMost: limit) {
            counts.append(batch.count)
            #expect(batch.byteCount > batch.firstByteCount || batch.count == 1)
            while let message = batch.popFirst() { messages.append(message.count) }
            #expect(batch.isEmpty && batch.count == 0 && batch.byteCount == 0)
        }
        #expect(counts == [1: [1, 1, 1], 2: [2, 1], 3: [3], 100: [3]][limit])
        #expect(messages == [3, 0, 300])
        #expect(reassembler.partialCount == 2)
    }

    @Test("what comes before a refused message in its frame is delivered before the refusal")
    func refusalWithinBatch() throws {
        var reassembler = MessageReassembler(limit: 3)
        reassembler.append(Self.frame([1]) + Self.frame([2, 3]) + Self.frame([4, 5, 6, 7]) + Self.frame([8]))
        #expect(try reassembler.next(atMost: 100)?.count == 2)
        #expect { try reassembler.next(atMost: 100) } throws: { ($0 as? RPCError)?.code == .resourceExhausted }
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
