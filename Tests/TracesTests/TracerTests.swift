import Synchronization
import Testing

@testable import Traces

/// Deterministic, so that a failure can be repeated.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        return (self.state ^ (self.state >> 31)) &* 0x94d0_49bb_1331_11eb
    }
}

private final class Kept: Sendable {
    private let list = Mutex<[SpanRecord]>([])
    var spans: [SpanRecord] { self.list.withLock { $0 } }
    func add(_ span: SpanRecord) { self.list.withLock { $0.append(span) } }
}

@Suite("Spans")
struct TracerTests {
    private static func tracer(_ sampler: Sampler, seed: UInt64 = 1, into kept: Kept = Kept()) -> Tracer {
        var random = SplitMix(state: seed)
        let time = Mutex(Int64(1_800_000_000_000_000))
        return Tracer(
            sampler: sampler, using: &random,
            now: {
                time.withLock {
                    $0 += 5
                    return $0
                }
            }, keep: kept.add)
    }

    private static func parent(isSampled: Bool) throws -> TraceContext {
        try #require(TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\(isSampled ? 1 : 0)", state: "a=1"))
    }

    @Test("a span lies under its parent, in its trace, and hands its state on")
    func child() throws {
        let kept = Kept()
        let tracer = Self.tracer(Sampler(roots: .none, followsParent: true), into: kept)
        let parent = try Self.parent(isSampled: true)
        let span = tracer.begin(.client, under: parent)
        tracer.end(span, name: "GET /x", attributes: [.init(.httpStatus, 200)])
        let record = try #require(kept.spans.first)
        #expect(record.context.traceID == parent.traceID && record.parentID == parent.spanID && record.context.spanID != parent.spanID)
        #expect(record.context.state == "a=1" && record.endedAt > record.startedAt && record.attributes == [.init(.httpStatus, 200)])
    }

    @Test(
        "who came before decides, when the sampler follows it; else the sampler's share",
        arguments: [
            (Sampler.Roots.all, false, true, true), (.all, false, false, true), (.none, false, true, false), (.all, true, false, false),
            (.none, true, true, true), (.share(0), true, true, true), (.share(1), true, false, false), (.share(1), false, false, true),
        ])
    func parents(_ roots: Sampler.Roots, follows: Bool, isSampled: Bool, kept: Bool) throws {
        let tracer = Self.tracer(Sampler(roots: roots, followsParent: follows))
        #expect(tracer.place(under: try Self.parent(isSampled: isSampled)).isSampled == kept)
    }

    @Test(
        "about the asked share of traces is kept, and whoever asks the same keeps the same", arguments: [0, 0.01, 0.25, 0.9, 1] as [Double])
    func share(_ share: Double) {
        let sampler = Sampler(roots: .share(share), followsParent: true)
        let tracer = Self.tracer(sampler, seed: 9)
        let places = (0..<20_000).map { _ in tracer.place(under: nil) }
        let kept = Double(places.count(where: \.isSampled)) / Double(places.count)
        #expect(abs(kept - share) < 0.02 && (share > 0 || kept == 0) && (share < 1 || kept == 1))
        #expect(places.allSatisfy { sampler.keeps($0.traceID, under: nil) == $0.isSampled })
    }

    @Test("ids do not repeat, in one process or between two")
    func ids() {
        let tracers = [
            Self.tracer(Sampler(roots: .all, followsParent: true), seed: 1),
            Self.tracer(Sampler(roots: .all, followsParent: true), seed: 2),
        ]
        let places = tracers.flatMap { tracer in (0..<20_000).map { _ in tracer.place(under: nil) } }
        #expect(Set(places.map(\.traceID)).count == places.count && Set(places.map(\.spanID)).count == places.count)
    }

    @Test("what nobody keeps is not even put into words")
    func unsampled() {
        let kept = Kept()
        let tracer = Self.tracer(Sampler(roots: .none, followsParent: true), into: kept)
        var asked = 0
        func name() -> String {
            asked += 1
            return "x"
        }
        tracer.end(tracer.begin(.server, under: nil), name: name(), attributes: [])
        #expect(asked == 0 && kept.spans.isEmpty)
    }
}
