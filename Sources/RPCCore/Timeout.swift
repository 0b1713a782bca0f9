/// The value of `grpc-timeout`: one to eight digits and a unit (grpc/grpc `doc/PROTOCOL-HTTP2.md`, "Timeout").
package struct Timeout: Hashable, Sendable {
    /// At most `Int64.max`, which stands for "no deadline": 292 years.
    package let nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = min(nanoseconds, UInt64(Int64.max)) }

    /// Negative durations count as zero.
    package init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = UInt64(max(seconds, 0)).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(UInt64(max(attoseconds, 0) / 1_000_000_000))
        self.init(nanoseconds: overflow || carry ? .max : sum)
    }

    /// nil for anything that the grammar does not know.
    package init?(_ text: Span<UInt8>) {
        guard (2...9).contains(text.count), let unit = Self.units.first(where: { $0.symbol == text[text.count - 1] }) else { return nil }
        var amount: UInt64 = 0
        for index in 0..<(text.count - 1) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index]) else { return nil }
            amount = 10 * amount + UInt64(text[index] - UInt8(ascii: "0"))
        }
        let (product, overflow) = amount.multipliedReportingOverflow(by: unit.nanoseconds)
        self.init(nanoseconds: overflow ? .max : product)
    }

    /// The finest unit whose count has at most eight digits, rounded up; never zero, which would be over before it arrives.
    package var text: String {
        for unit in Self.units {
            let count = self.nanoseconds / unit.nanoseconds + (self.nanoseconds % unit.nanoseconds == 0 ? 0 : 1)
            if count <= 99_999_999 { return "\(max(count, 1))\(Character(Unicode.Scalar(unit.symbol)))" }
        }
        return "99999999H"
    }

    /// From the finest to the coarsest.
    private static let units: [(symbol: UInt8, nanoseconds: UInt64)] = [
        (UInt8(ascii: "n"), 1), (UInt8(ascii: "u"), 1000), (UInt8(ascii: "m"), 1_000_000), (UInt8(ascii: "S"), 1_000_000_000),
        (UInt8(ascii: "M"), 60_000_000_000), (UInt8(ascii: "H"), 3_600_000_000_000),
    ]
}
