/// The units in which durations are configured.
package enum DurationUnit: Sendable, CaseIterable {
    case milliseconds
    case seconds
    case minutes
    case hours

    package var suffix: String {
        switch self {
        case .milliseconds: "ms"
        case .seconds: "s"
        case .minutes: "m"
        case .hours: "h"
        }
    }

    var plural: String { "\(self)" }

    private var inMilliseconds: Int {
        switch self {
        case .milliseconds: 1
        case .seconds: 1000
        case .minutes: 60_000
        case .hours: 3_600_000
        }
    }

    func duration(_ count: Int) -> Duration { .milliseconds(count * self.inMilliseconds) }

    /// Nil for anything but digits and one of the suffixes, and for more than about 292 million years.
    static func parse(_ text: String, bare: DurationUnit) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count)
        guard let unit = suffix.isEmpty ? bare : self.allCases.first(where: { $0.suffix == suffix }), let count = decimal(digits) else {
            return nil
        }
        let (product, overflows) = count.multipliedReportingOverflow(by: unit.inMilliseconds)
        return overflows ? nil : .milliseconds(product)
    }

    /// In the largest unit that leaves no fraction.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        guard milliseconds != 0 else { return "0s" }
        let unit = self.allCases.last { milliseconds % Int64($0.inMilliseconds) == 0 } ?? .milliseconds
        return "\(milliseconds / Int64(unit.inMilliseconds))\(unit.suffix)"
    }
}
