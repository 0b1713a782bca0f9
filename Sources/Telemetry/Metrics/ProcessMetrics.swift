internal import CProcessLimits
internal import FoundationEssentials

/// What the kernel says of this process (proc(5)), and its allocator.
package struct ProcessMetrics: MetricSource {
    /// USER_HZ: what proc(5) counts processor time in, 100 on every Linux architecture we run on.
    private static let ticksPerSecond = 100.0

    private let startedAt: Double

    /// - Parameter startedAt: seconds since 1970.
    package init(startedAt: Double = Date().timeIntervalSince1970) {
        self.startedAt = startedAt
    }

    package var families: [MetricFamily] {
        var families = [
            MetricFamily(
                .gauge, "novitai_process_start_time_seconds", "When the process started, in seconds since 1970.",
                [MetricFamily.Sample(self.startedAt)])
        ]
        if let status = Self.contents("/proc/self/status") { families += Self.statusFamilies(status) }
        if let stat = Self.contents("/proc/self/stat"), let seconds = Self.processorSeconds(stat) {
            families.append(
                MetricFamily(
                    .counter, "novitai_process_cpu_seconds_total", "Processor time used, in seconds.", [MetricFamily.Sample(seconds)]))
        }
        if let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
            families.append(
                MetricFamily(.gauge, "novitai_process_open_fds", "Open file descriptors.", [MetricFamily.Sample(Double(open))]))
        }
        if let limits = Self.contents("/proc/self/limits"), let most = Self.descriptorLimit(limits) {
            families.append(
                MetricFamily(.gauge, "novitai_process_max_fds", "File descriptors that may be open.", [MetricFamily.Sample(most)]))
        }
        return families + Self.heapFamilies(novitai_heap())
    }

    /// A leak is seen in what is used; resident memory also rises with what the allocator keeps.
    private static func heapFamilies(_ heap: novitai_heap) -> [MetricFamily] {
        [
            MetricFamily(
                .gauge, "novitai_process_heap_used_bytes", "Allocated memory that the program uses, in bytes.",
                [MetricFamily.Sample(Double(heap.used))]),
            MetricFamily(
                .gauge, "novitai_process_heap_kept_bytes", "Memory that was freed and that the allocator keeps, in bytes.",
                [MetricFamily.Sample(Double(heap.kept))]),
        ]
    }

    /// The soft limit; nil when there is none.
    static func descriptorLimit(_ limits: String) -> Double? {
        let name = "Max open files"
        guard let line = limits.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return nil }
        return line.dropFirst(name.count).split(separator: " ").first.flatMap { Double($0) }
    }

    static func statusFamilies(_ status: String) -> [MetricFamily] {
        var families: [MetricFamily] = []
        for line in status.split(separator: "\n") {
            let words = line.split { $0 == "\t" || $0 == " " }
            guard words.count >= 2, let number = Double(words[1]) else { continue }
            switch words[0] {
            case "VmRSS:":
                families.append(
                    MetricFamily(
                        .gauge, "novitai_process_resident_memory_bytes", "Memory in use, in bytes.", [MetricFamily.Sample(number * 1024)]))
            case "Threads:":
                families.append(MetricFamily(.gauge, "novitai_process_threads", "Threads.", [MetricFamily.Sample(number)]))
            default: break
            }
        }
        return families
    }

    /// Fields 14 and 15, counted after the program's name, which may itself hold blanks and parentheses.
    static func processorSeconds(_ stat: String) -> Double? {
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / self.ticksPerSecond
    }

    private static func contents(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }
}
