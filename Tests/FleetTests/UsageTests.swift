import Testing

@testable import Fleet

@Suite("Use by the provider's metrics")
struct UsageTests {
    private static let window = MetricWindow(start: noon, end: noon + .seconds(900))

    /// One point in a minute, the first after one.
    private static func points(_ percents: [Double], from start: Int = 60) -> [MetricPoint] {
        percents.enumerated().map { MetricPoint(at: noon + .seconds(start + $0.offset * 60), percent: $0.element) }
    }

    private static let quiet = points(Array(repeating: 2, count: 14))
    private static let memory = points(Array(repeating: 20, count: 14))

    struct Reading: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var metrics: MachineMetrics
        var isCPU = false
        /// Seconds after noon.
        var busyAt: Int?
        var isWhole = true
    }

    private static func machine(_ gpu: GPUMetrics, cpu: [MetricPoint] = []) -> MachineMetrics {
        MachineMetrics(cpu: cpu, memory: memory, gpu: gpu)
    }

    private static let readings = [
        Reading(testDescription: "idle all the time", metrics: machine(GPUMetrics(average: quiet))),
        Reading(
            testDescription: "the last time at which it was busy counts",
            metrics: machine(GPUMetrics(average: points([80, 2, 10, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))), busyAt: 180),
        Reading(
            testDescription: "one busy GPU of many is enough, whatever the average says",
            metrics: machine(GPUMetrics(average: quiet, byGPU: ["0": quiet, "1": points([0, 90] + Array(repeating: 0, count: 12))])),
            busyAt: 120),
        Reading(
            testDescription: "processors say nothing about a machine with GPUs",
            metrics: machine(GPUMetrics(average: quiet), cpu: points(Array(repeating: 99, count: 14)))),
        Reading(
            testDescription: "and everything about one without",
            metrics: machine(GPUMetrics(), cpu: points([50] + quiet.dropLast().map(\.percent))),
            isCPU: true, busyAt: 60),
        Reading(testDescription: "no points prove nothing", metrics: machine(GPUMetrics()), isWhole: false),
        Reading(
            testDescription: "nor do points with a gap",
            metrics: machine(GPUMetrics(average: points([0, 0]) + points(Array(repeating: 0, count: 7), from: 481))), isWhole: false),
        Reading(
            testDescription: "that end long ago", metrics: machine(GPUMetrics(average: points(Array(repeating: 0, count: 9)))),
            isWhole: false),
        Reading(
            testDescription: "that begin late", metrics: machine(GPUMetrics(average: points(Array(repeating: 0, count: 9), from: 360))),
            isWhole: false),
        Reading(
            testDescription: "but what is busy is busy", metrics: machine(GPUMetrics(average: points([70], from: 600))), busyAt: 600,
            isWhole: false),
        Reading(
            testDescription: "what may be parts of one instead of percent proves nothing",
            metrics: MachineMetrics(memory: points([0.4]), gpu: GPUMetrics(average: points(Array(repeating: 0.97, count: 14)))),
            isWhole: false),
        Reading(
            testDescription: "times outside of what was asked for do not count",
            metrics: machine(GPUMetrics(average: quiet + points([99], from: 86_400)))),
    ]

    @Test("A machine is idle only by what is known of the whole time", arguments: readings)
    func reading(_ reading: Reading) {
        let usage = reading.metrics.usage(busyFrom: 10, isCPU: reading.isCPU, in: Self.window)
        #expect(usage.busyAt == reading.busyAt.map { noon + .seconds($0) } && usage.isWhole == reading.isWhole)
        #expect(usage.allowsStop(at: noon + .seconds(989)) == reading.isWhole)
        #expect(!usage.allowsStop(at: noon + .seconds(990)), "it may have been used since")
        #expect(usage.allowsPlan(at: noon + .seconds(1139)) == reading.isWhole && !usage.allowsPlan(at: noon + .seconds(1140)))
    }

    private static func idle(_ percent: Int? = 10, after seconds: Int = 1200) -> Instance {
        var instance = Instance.sample()
        instance.policies = InstancePolicies(idleStop: .seconds(seconds), idlePercent: percent)
        instance.runningSince = noon
        return instance
    }

    private static func planned(_ instance: Instance, busyAt: Timestamp? = nil, at now: Timestamp) -> Instance {
        Admission.upkeep(of: instance, touchedAt: nil, busyAt: busyAt, at: now)?.instances.first ?? instance
    }

    @Test(
        "Metrics are read from just before the warning on, and from the warning on the stop needs them",
        arguments: [(839, false, false), (840, true, false), (899, true, false), (900, true, true), (5000, true, true)])
    func near(seconds: Int, isRead: Bool, isNeeded: Bool) throws {
        let now = noon + .seconds(seconds)
        let due = try #require(Self.idle().idleStopDue(ServiceTimes()))
        #expect(Instance.readsUsage(before: due, at: now) == isRead && Instance.needsUsage(before: due, at: now) == isNeeded)
        let window = try #require(Self.idle().usageWindow(at: now))
        #expect(window.end == now && window.start == max(noon, now - .seconds(1500)) && window.interval == MetricWindow.intervalMin)
    }

    @Test("They are read for nothing else", arguments: [InstanceState.stopped, .starting, .deleting])
    func notNear(_ state: InstanceState) {
        var instance = Self.idle()
        #expect(Self.idle(nil).idleStopDue(ServiceTimes()) == nil)
        instance.state = state
        #expect(instance.idleStopDue(ServiceTimes()) == nil)
    }

    @Test("What is not proven idle is as if it had no idle stop: nothing else waits for it")
    func unproven() throws {
        var instance = Self.idle()
        instance.policies?.maxLifetime = .seconds(3000)
        var times = ServiceTimes()
        #expect(instance.judgeNextAction(times)?.cause == .idle)
        times.isIdleUnproven = true
        #expect(instance.judgeNextAction(times)?.cause == .lifetime)
    }

    @Test("A day and more is looked at in points that are further apart, and a week at most")
    func long() throws {
        let window = try #require(Self.idle(after: 7 * 86_400).usageWindow(at: noon + .seconds(7 * 86_400)))
        #expect((.seconds(400)...(.seconds(430))).contains(window.interval))
        let longer = InstancePolicies(idleStop: .seconds(8 * 86_400), idlePercent: 10)
        #expect(SpecRules.violations(of: longer, at: noon).map(\.field) == ["policies.idle_stop"])
        #expect(SpecRules.violations(of: InstancePolicies(idleStop: .seconds(8 * 86_400)), at: noon) == [])
    }

    @Test("What is busy puts off the stop for being idle, and no lease")
    func putsOff() {
        let busy = Self.planned(Self.idle(), busyAt: noon + .seconds(800), at: noon + .seconds(850))
        #expect(busy.nextAction?.at == noon + .seconds(2000) && busy.touchedAt == nil)
        var leased = Self.idle()
        leased.policies?.lease = .seconds(1500)
        leased = Self.planned(leased, busyAt: noon + .seconds(800), at: noon + .seconds(850))
        #expect(leased.nextAction?.cause == .leaseLapsed && leased.nextAction?.at == noon + .seconds(1500))
        // An older time takes nothing back.
        #expect(Self.planned(busy, busyAt: noon, at: noon + .seconds(850)).busyAt == busy.busyAt)
    }

    @Test("The percent is 1 to 100", arguments: [(0, false), (1, true), (100, true), (101, false)])
    func range(percent: Int, isValid: Bool) {
        let found = SpecRules.violations(of: InstancePolicies(idleStop: .seconds(600), idlePercent: percent), at: noon)
        #expect(found.map(\.field) == (isValid ? [] : ["policies.idle_percent"]))
    }
}
