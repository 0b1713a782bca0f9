import TestSupport
import Testing

@testable import HTTP2Session

@Suite("Outbound queues")
struct OutboundQueueTests {
    private static func take(_ count: Int, from queue: inout OutboundQueue) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // The closure's buffer is the array's, and the queue does not keep it.
        unsafe bytes.withUnsafeMutableBytes { unsafe queue.copy(into: $0) }
        return bytes
    }

    @Test("bytes come out in order, across messages and empty ones")
    func order() {
        var queue = OutboundQueue()
        for message: [UInt8] in [[], [1, 2, 3], [], [4], [], [5, 6]] { queue.append(message) }
        #expect(queue.byteCount == 6)
        #expect(Self.take(2, from: &queue) == [1, 2])
        #expect(Self.take(3, from: &queue) == [3, 4, 5])
        #expect(Self.take(1, from: &queue) == [6])
        #expect(queue.byteCount == 0)
    }

    @Test("more than there is cannot be taken", .timeLimit(.minutes(1)))
    func tooMuch() {
        var queue = OutboundQueue()
        #expect(Self.take(2, from: &queue) == [0, 0])
        queue.append([1])
        queue.append([2])
        #expect(Self.take(4, from: &queue) == [1, 2, 0, 0])
        #expect(queue.byteCount == 0)
    }

    @Test("small messages behind others are put together up to the size of a frame, large ones are kept as they are")
    func pieces() {
        var queue = OutboundQueue()
        let small = (0..<200).map { [UInt8](repeating: UInt8($0), count: 1 + 10 * $0) }
        let large = [UInt8](repeating: 255, count: 5000)
        var all: [UInt8] = []
        for message in [large] + small + [large] + small + [large, large] {
            queue.append(message)
            all += message
        }
        #expect(queue.byteCount == all.count)
        #expect(queue.waiting.allSatisfy { $0.count <= 16_384 })
        #expect(queue.waiting.count < 2 * small.count / 10)
        var taken: [UInt8] = []
        for count in [1, 4999, 5000, 16_384] { taken += Self.take(count, from: &queue) }
        // What comes while a piece is on its way out goes behind all the others.
        queue.append([1, 2, 3])
        all += [1, 2, 3]
        taken += Self.take(queue.byteCount, from: &queue)
        #expect(taken == all)
    }

    @Test("a queue that is never empty keeps no trace of what was sent")
    func neverEmpty() {
        var queue = OutboundQueue()
        for index in 0..<100 { queue.append([UInt8(index)]) }
        for index in 100..<10_000 {
            queue.append([UInt8(truncatingIfNeeded: index)])
            #expect(Self.take(1, from: &queue) == [UInt8(truncatingIfNeeded: index - 100)])
        }
        #expect(queue.byteCount == 100)
        #expect(queue.waiting.count <= 2 * 100 + 64)
    }

    @Test(
        "it does not matter which messages are given and which are written, nor what is copied and what is lent",
        arguments: 0..<50 as Range<UInt64>)
    func copies(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var queue = OutboundQueue()
        var waiting: [UInt8] = []
        /// Where the large messages end among all bytes.
        var largeEnds: [Int] = []
        var taken = 0
        for index in 0..<300 {
            let sizeMax = index % 10 == 0 ? 40_000 : 3000
            let message = [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: Int.random(in: 0...sizeMax, using: &random))
            if Bool.random(using: &random) {
                queue.append(message.count) { output in for byte in message { output.append(byte) } }
            } else {
                queue.append(message)
            }
            waiting += message
            if message.count > 16_384 { largeEnds.append(taken + waiting.count) }
            guard Int.random(in: 0..<4, using: &random) == 0 else { continue }
            let count = Int.random(in: 0...waiting.count, using: &random)
            var bytes: [UInt8] = []
            while Bool.random(using: &random), let part = queue.lend(atMost: count - bytes.count) {
                #expect(part.range.count >= 4096 && part.bytes.count > 16_384)
                bytes += part.bytes[part.range]
            }
            bytes += Self.take(count - bytes.count, from: &queue)
            #expect(bytes == Array(waiting.prefix(count)))
            waiting.removeFirst(count)
            taken += count
            #expect(queue.byteCount == waiting.count)
            #expect(queue.largeCount == largeEnds.count { $0 > taken })
        }
        #expect(Self.take(waiting.count, from: &queue) == waiting)
        #expect(queue.largeCount == 0)
    }

    @Test("small messages are not lent, nor little of a large one")
    func notLent() {
        var queue = OutboundQueue()
        #expect(queue.lend(atMost: 1 << 20) == nil)
        for _ in 0..<20 { queue.append([UInt8](repeating: 1, count: 2000)) }
        #expect(queue.largeCount == 0 && queue.lend(atMost: 1 << 20) == nil)
        queue.removeAll()
        queue.append([UInt8](repeating: 2, count: 16_385))
        #expect(queue.largeCount == 1 && queue.lend(atMost: 4095) == nil)
        #expect(queue.lend(atMost: 12_290)?.range == 0..<12_290)
        #expect(queue.lend(atMost: 1 << 20) == nil, "its last 4095 bytes")
        #expect(queue.byteCount == 4095)
        queue.removeAll()
        #expect(queue.largeCount == 0)
    }
}
