/// Prometheus' text format, version 0.0.4 (prometheus.io, "Exposition formats").
package enum PrometheusText {
    /// Families in the order of their names; families of the same name are joined.
    package static func render(_ families: [MetricFamily]) -> String {
        var byName: [String: MetricFamily] = [:]
        for family in families {
            byName[family.name, default: MetricFamily(family.kind, family.name, family.help, [])].samples += family.samples
        }
        var text = ""
        for family in byName.values.sorted(by: { $0.name < $1.name }) where !family.samples.isEmpty {
            text += "# HELP \(family.name) \(self.escaped(family.help, quotes: false))\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples { self.append(sample, of: family.name, to: &text) }
        }
        return text
    }

    private static func append(_ sample: MetricFamily.Sample, of name: String, to text: inout String) {
        text += name + sample.suffix
        if !sample.labels.isEmpty {
            text += "{" + sample.labels.map { "\($0.name)=\"\(self.escaped($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
        }
        text += " \(self.number(sample.value))\n"
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value), abs(value) < 9_007_199_254_740_992 { return String(whole) }
        return "\(value)"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
