import Testing

@testable import Telemetry

@Suite("Metrics in Prometheus' text format")
struct MetricsTests {
    @Test("a family has one HELP and one TYPE line, and families come in the order of their names")
    func families() {
        let registry = MetricsRegistry()
        let last = registry.register(Counter("novitai_z_total", "Last."))
        let labelled = registry.register(LabelledCounter("novitai_a_total", "First\nand \\ more.", labels: ["method", "code"]))
        let gauge = registry.register(Gauge("novitai_m", "Middle."))
        registry.register(MetricReader { [MetricFamily(.gauge, "novitai_m", "Middle.", [.init(1, labels: [.init("k", "v")])])] })
        last.increment(by: 3)
        labelled.increment(["Get\"x\"\n\\", "OK"])
        labelled.increment(["A", "OK"], by: 2)
        gauge.value = 0.25
        #expect(
            registry.text == """
                # HELP novitai_a_total First\\nand \\\\ more.
                # TYPE novitai_a_total counter
                novitai_a_total{method="A",code="OK"} 2
                novitai_a_total{method="Get\\"x\\"\\n\\\\",code="OK"} 1
                # HELP novitai_m Middle.
                # TYPE novitai_m gauge
                novitai_m 0.25
                novitai_m{k="v"} 1
                # HELP novitai_z_total Last.
                # TYPE novitai_z_total counter
                novitai_z_total 3

                """)
    }

    @Test(
        "numbers are written as Go's ParseFloat reads them",
        arguments: [
            (0, "0"), (1.5, "1.5"), (-3, "-3"), (1e15, "1000000000000000"), (1e300, "1e+300"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
            (.nan, "NaN"), (0.00005, "5e-05"),
        ] as [(Double, String)])
    func number(_ value: Double, is wanted: String) {
        #expect(PrometheusText.number(value) == wanted)
    }

    @Test("a histogram's buckets are cumulative and include their bounds")
    func histogram() {
        let histogram = Histogram(bounds: [1, 2.5])
        for value in [0.5, 1, 2, 3, 4] { histogram.observe(value) }
        let text = PrometheusText.render([MetricFamily(.histogram, "novitai_h", "H.", histogram.samples(labels: [.init("m", "x")]))])
        #expect(
            text == """
                # HELP novitai_h H.
                # TYPE novitai_h histogram
                novitai_h_bucket{m="x",le="1"} 2
                novitai_h_bucket{m="x",le="2.5"} 3
                novitai_h_bucket{m="x",le="+Inf"} 5
                novitai_h_sum{m="x"} 10.5
                novitai_h_count{m="x"} 5

                """)
    }

    @Test("label values beyond the limit are counted as other")
    func bounded() {
        let counter = LabelledCounter("novitai_c_total", "C.", labels: ["k"])
        for number in 0..<(LabelledCounter.seriesMax + 50) { counter.increment(["\(number)"]) }
        #expect(counter.families[0].samples.count == LabelledCounter.seriesMax + 1)
        #expect(counter.value(["other"]) == 50)
        counter.increment(["5"])
        #expect(counter.value(["5"]) == 2)
    }

    @Test("a counter loses nothing when many threads count")
    func concurrent() async {
        let counter = Counter("novitai_c_total", "C.")
        let histogram = Histogram(bounds: [1])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.increment()
                        histogram.observe(0.5)
                    }
                }
            }
        }
        #expect(counter.value == 8000)
        #expect(histogram.samples().last?.value == 8000)
    }

    @Test("the kernel's words about a process are read, odd program names included")
    func process() throws {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 100 1 2"
        #expect(ProcessMetrics.processorSeconds(stat) == 3)
        #expect(ProcessMetrics.processorSeconds("nonsense") == nil)
        let families = ProcessMetrics.statusFamilies("Name:\tx\nVmRSS:\t  2048 kB\nThreads:\t5\n")
        #expect(families.map(\.name) == ["novitai_process_resident_memory_bytes", "novitai_process_threads"])
        #expect(families.map(\.samples[0].value) == [2_097_152, 5])
        #expect(
            ProcessMetrics.descriptorLimit(
                "Limit   Soft Limit\nMax open files            1024                 4096                 files\n") == 1024)
        #expect(ProcessMetrics.descriptorLimit("Max open files            unlimited  unlimited files\n") == nil)
        #expect(ProcessMetrics().families.count == 8)
    }

    @Test("what is allocated is used, and what is freed no more")
    func heap() {
        func used() -> Double? { ProcessMetrics().families.first { $0.name == "novitai_process_heap_used_bytes" }?.samples[0].value }
        // Far more than tests beside this one have or free meanwhile.
        let size = 256 << 20
        let before = used() ?? 0
        withExtendedLifetime([UInt8](repeating: 1, count: size)) { #expect(before > 0 && (used() ?? 0) >= before + Double(size / 2)) }
        #expect((used() ?? .infinity) <= before + Double(size / 2))
    }
}
