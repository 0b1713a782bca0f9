import Fleet
import Testing

@testable import Services

@Suite("Readings of metrics")
struct MetricReadingsTests {
    private static func key(_ number: Int) -> MetricReadings.Key {
        MetricReadings.Key(
            machine: UpstreamID(rawValue: "m-\(number)"), start: Timestamp(seconds: 0), end: Timestamp(seconds: 60), interval: .seconds(15))
    }

    @Test("Long readings of many machines are kept up to so many bytes, the newest first")
    func bytes() async throws {
        let clock = TestClock()
        let readings = MetricReadings()
        let points = 32_768
        let long = MachineMetrics(cpu: Array(repeating: MetricPoint(at: Timestamp(seconds: 0), percent: 1), count: points))
        let fitting = MetricReadings.bytesMax / (points * MemoryLayout<MetricPoint>.stride)
        for number in 0..<2 * fitting {
            _ = try await readings.reading(Self.key(number), clock: clock) { () async throws(CloudError) in long }
            clock.advance(by: .milliseconds(1))
        }
        var asked: [Int] = []
        for number in (0..<2 * fitting).reversed() where number > fitting || number == 0 {
            _ = try await readings.reading(Self.key(number), clock: clock) { () async throws(CloudError) in
                asked.append(number)
                return MachineMetrics()
            }
        }
        #expect(asked == [0], "the first has gone, the last ones are there")
    }
}
