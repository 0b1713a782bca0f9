import Fleet
import Logging
import OTLPProto
import RPCCore
import Telemetry
import Testing
import Traces

@testable import TraceExport

@Suite("Export of spans")
struct TraceExporterTests {
    private static let unavailable = Result<ExportResponse, RPCError>.failure(RPCError(code: .unavailable, message: "secret words"))

    /// Runs an exporter until `body` returns, then ends it.
    private static func run(_ exporter: TraceExporter, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await exporter.run() }
            try await body()
            exporter.finish()
            try await group.waitForAll()
        }
    }

    private static func until(_ isTrue: () -> Bool) async {
        while !isTrue() { await Task.yield() }
    }

    @Test("a full batch goes at once; a smaller one when the time for it is over")
    func batches() async throws {
        let (collector, clock, queue) = (Collector(), VirtualClock(), SpanQueue(limit: 10, batchSize: 2))
        try await Self.run(collector.exporter(queue: queue, clock: clock)) {
            for name in ["a", "b", "c"] { queue.append(span(name)) }
            await Self.until { collector.batches.count == 1 }
            #expect(collector.batches == [["a", "b"]] && queue.count == 1)
            await Self.until { clock.nextWaking == clock.now + .seconds(5) }
            clock.advance(by: .seconds(5))
            await Self.until { collector.batches.count == 2 }
            #expect(collector.batches[1] == ["c"])
        }
    }

    @Test("a passing failure is tried again after a pause, and nothing is lost by it")
    func retry() async throws {
        let collector = Collector(Self.unavailable, Self.unavailable, .success(ExportResponse()))
        let (clock, queue) = (VirtualClock(), SpanQueue(limit: 10, batchSize: 1))
        let exporter = collector.exporter(queue: queue, clock: clock)
        try await Self.run(exporter) {
            queue.append(span("a"))
            for pause in [1, 2] as [Int64] {
                await Self.until { clock.nextWaking == clock.now + .seconds(pause) }
                clock.advance(by: .seconds(pause))
            }
            await Self.until { collector.batches.count == 3 }
        }
        #expect(collector.batches == [["a"], ["a"], ["a"]])
        #expect(exporter.metrics.values == ["exported": 1, "rejected": 0, "lost": 0, "dropped": 0])
    }

    @Test("a batch has its time, and no export of it lasts longer; then the next one gets its turn")
    func exportTime() async throws {
        let collector = Collector(Self.unavailable, Self.unavailable, Self.unavailable, Self.unavailable, .success(ExportResponse()))
        let (clock, queue) = (VirtualClock(), SpanQueue(limit: 10, batchSize: 1))
        let exporter = collector.exporter(queue: queue, clock: clock, exportTime: .seconds(12))
        try await Self.run(exporter) {
            for name in ["a", "b"] { queue.append(span(name)) }
            for pause in [1, 2, 4] as [Int64] {
                await Self.until { clock.nextWaking == clock.now + .seconds(pause) }
                clock.advance(by: .seconds(pause))
            }
            await Self.until { collector.batches.count == 5 }
        }
        #expect(collector.batches == [["a"], ["a"], ["a"], ["a"], ["b"]])
        #expect(collector.timeouts == [.seconds(10), .seconds(10), .seconds(9), .seconds(5), .seconds(10)])
        #expect(exporter.metrics.values == ["exported": 1, "rejected": 0, "lost": 1, "dropped": 0])
    }

    @Test("what the collector refuses of a batch is counted")
    func partial() async throws {
        var response = ExportResponse()
        response.partialSuccess = OpentelemetryProtoCollectorTraceV1.ExportTracePartialSuccess()
        response.partialSuccess?.rejectedSpans = 2
        let (collector, queue) = (Collector(.success(response)), SpanQueue(limit: 10, batchSize: 3))
        let exporter = collector.exporter(queue: queue, clock: VirtualClock())
        for name in ["a", "b", "c"] { queue.append(span(name)) }
        try await Self.run(exporter) { await Self.until { collector.batches.count == 1 } }
        #expect(exporter.metrics.values == ["exported": 1, "rejected": 2, "lost": 0, "dropped": 0])
    }

    @Test("at the end what is left is sent, and a collector that is away costs one attempt")
    func finish() async throws {
        for answer in [.success(ExportResponse()), Self.unavailable] {
            let (collector, queue) = (Collector(answer), SpanQueue(limit: 10, batchSize: 2))
            let exporter = collector.exporter(queue: queue, clock: VirtualClock())
            for name in ["a", "b", "c", "d", "e"] { queue.append(span(name)) }
            exporter.finish()
            await exporter.run()
            if case .success = answer {
                #expect(collector.batches == [["a", "b"], ["c", "d"], ["e"]] && exporter.metrics.values["exported"] == 5)
            } else {
                #expect(collector.batches == [["a", "b"]] && exporter.metrics.values["lost"] == 5)
            }
        }
    }

    @Test("an unreachable collector is said once a minute, without its words")
    func complaints() async throws {
        let (collector, clock, queue) = (
            Collector(.failure(RPCError(code: .internal, message: "secret words"))), VirtualClock(), SpanQueue(limit: 10, batchSize: 1)
        )
        let exporter = collector.exporter(queue: queue, clock: clock)
        try await Self.run(exporter) {
            for (calls, seconds) in [(1, 0), (2, 59), (3, 1), (4, 30)] as [(Int, Int64)] {
                clock.advance(by: .seconds(seconds))
                queue.append(span("a"))
                await Self.until { collector.batches.count == calls }
                await Self.until { exporter.metrics.values["lost"] == calls }
            }
        }
        #expect(collector.lines == Array(repeating: "spans are not taken by their collector [\"status\": INTERNAL]", count: 2))
    }

    @Test("what runs beside it ends as it would without it, and the export ends in time though the collector never answers")
    func during() async throws {
        struct Stop: Error {}
        let (clock, queue) = (VirtualClock(), SpanQueue(limit: 10, batchSize: 1))
        let exporter = TraceExporter(
            queue: queue, resource: TraceResource(serviceName: "s", serviceVersion: "1", serviceInstance: "i"), delay: .seconds(5),
            timeout: .seconds(10), exportTime: .seconds(30), clock: clock, random: RandomSource(SystemRandomNumberGenerator()),
            log: .init(label: "test")
        ) { _, _ in
            await clock.sleep(until: clock.now + .seconds(3600))
            return Self.unavailable
        }
        queue.append(span("a"))
        async let end: Void = {
            await Self.until { clock.nextWaking == clock.now + TraceExportLimits.flushTime }
            clock.advance(by: TraceExportLimits.flushTime)
        }()
        await #expect(throws: Stop.self) { try await exporter.exporting { throw Stop() } }
        await end
        #expect(exporter.metrics.values["lost"] == 1)
    }
}

extension TraceMetrics {
    /// Spans by what became of them.
    var values: [String: Int] {
        var values: [String: Int] = [:]
        for family in self.families where family.name.hasSuffix("_spans_total") {
            let word = family.name.dropFirst("novitai_trace_".count).dropLast("_spans_total".count)
            values[String(word)] = Int(family.samples.first?.value ?? 0)
        }
        return values
    }
}
