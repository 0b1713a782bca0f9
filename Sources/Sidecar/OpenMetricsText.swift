/// OpenMetrics 1.0 made of Prometheus' text format: the samples are the same, a counter's family is named without `_total`, and the end
/// is marked.
enum OpenMetricsText {
    static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    /// Whether the caller prefers it: it stands in the `Accept` header, and Prometheus names what it likes best first.
    static func isWanted(accept: String?) -> Bool { accept?.lowercased().contains("application/openmetrics-text") ?? false }

    static func converted(_ text: String) -> String {
        var counters: Set<Substring> = []
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        for line in lines where line.hasPrefix("# TYPE ") && line.hasSuffix(" counter") {
            if let name = line.split(separator: " ").dropFirst(2).first { counters.insert(name) }
        }
        var result = ""
        for line in lines {
            result += self.converted(line, counters) + "\n"
        }
        return result + "# EOF\n"
    }

    private static func converted(_ line: Substring, _ counters: Set<Substring>) -> String {
        guard line.hasPrefix("# ") else { return String(line) }
        var words = line.split(separator: " ", maxSplits: 3).map(String.init)
        guard words.count == 4, counters.contains(words[2][...]), words[2].hasSuffix(self.counterSuffix) else { return String(line) }
        words[2].removeLast(self.counterSuffix.count)
        return words.joined(separator: " ")
    }

    private static let counterSuffix = "_total"
}
