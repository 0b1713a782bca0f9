/// An amount of US dollars in millionths. Never a float.
package struct MicroUSD: Hashable, Comparable, Sendable, Codable {
    package var micros: Int64

    package init(micros: Int64) {
        self.micros = micros
    }

    package init(from decoder: any Decoder) throws {
        self.micros = try decoder.singleValueContainer().decode(Int64.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.micros)
    }

    package static let zero = MicroUSD(micros: 0)

    package static func dollars(_ dollars: Int64) -> Self {
        MicroUSD(micros: dollars * 1_000_000)
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.micros < right.micros
    }

    package static func + (left: Self, right: Self) -> Self {
        MicroUSD(micros: left.micros + right.micros)
    }

    package static func * (left: Self, right: Int) -> Self {
        MicroUSD(micros: left.micros * Int64(right))
    }
}

extension MicroUSD: CustomStringConvertible {
    /// For people: `0.35 USD`, with as many decimals as there are, at least two.
    package var description: String {
        let sign = self.micros < 0 ? "-" : ""
        let magnitude = self.micros.magnitude
        var decimals = String(magnitude % 1_000_000)
        decimals = String(repeating: "0", count: 6 - decimals.count) + decimals
        while decimals.count > 2, decimals.hasSuffix("0") { decimals.removeLast() }
        return "\(sign)\(magnitude / 1_000_000).\(decimals) USD"
    }
}
