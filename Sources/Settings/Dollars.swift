/// An amount of US dollars in millionths, written as `12`, `0.5` or `99.999999`.
package struct Dollars: Hashable, Sendable, CustomStringConvertible {
    package let micros: Int64

    package init(micros: Int64) {
        self.micros = micros
    }

    /// Nil for anything but digits with at most one point and six digits after it, and beyond a million million dollars.
    init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = decimal(parts[0]), whole <= 1_000_000_000_000 else { return nil }
        let decimals = parts.count == 2 ? parts[1] : "0"
        guard (1...6).contains(decimals.utf8.count),
            let fraction = decimal(decimals + String(repeating: "0", count: 6 - decimals.utf8.count))
        else { return nil }
        self.micros = Int64(whole) * 1_000_000 + Int64(fraction)
    }

    package var description: String {
        var decimals = String(self.micros % 1_000_000 + 1_000_000).dropFirst()
        while decimals.last == "0" { decimals.removeLast() }
        return "\(self.micros / 1_000_000)" + (decimals.isEmpty ? "" : ".\(decimals)")
    }
}
