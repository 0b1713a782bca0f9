internal import CivilTime
internal import Fleet
internal import JSONText

/// Reading with tolerance. The provider writes numbers as numbers or as strings, spells keys in several cases, and says "not set" by
/// an absent member, null, an empty string or a zero.
extension JSON {
    /// The member with this key, whatever its case; null for a value that has none. The first of several.
    subscript(_ key: String) -> JSON {
        guard case .object(let members) = self else { return .null }
        return members.first { Self.isSameKey($0.key, key) }?.value ?? .null
    }

    private static func isSameKey(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { Self.lowercased($0) == Self.lowercased($1) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    /// The text of a string or number; empty for anything else.
    var string: String {
        switch self {
        case .string(let text), .number(let text): text
        case .null, .bool, .array, .object: ""
        }
    }

    /// A whole number in either form; a fraction is cut off. Nil when there is none.
    var integer: Int? { self.scaled(by: 1).flatMap { Int(exactly: $0) } }

    /// The value × `scale`, exactly, as long as it is written without an exponent; digits beyond the scale are cut off.
    /// Nil for what is no number and for what an Int64 cannot hold.
    func scaled(by scale: Int64) -> Int64? {
        let text = self.string
        let isNegative = text.hasPrefix("-")
        let parts = text.drop { $0 == "-" }.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty, !text.hasPrefix("--") else { return nil }
        var value: Int64 = 0
        var fractionScale = scale
        for digit in whole.utf8 {
            guard let next = Self.append(digit, to: value) else { return nil }
            value = next
        }
        let (product, hasOverflowed) = value.multipliedReportingOverflow(by: scale)
        guard !hasOverflowed else { return nil }
        value = product
        for digit in parts.count > 1 ? Array(parts[1].utf8) : [] {
            guard let digit = Self.digit(digit) else { return nil }
            fractionScale /= 10
            let (sum, hasOverflowed) = value.addingReportingOverflow(digit * fractionScale)
            guard !hasOverflowed else { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }

    private static func digit(_ byte: UInt8) -> Int64? {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int64(byte - UInt8(ascii: "0")) : nil
    }

    private static func append(_ byte: UInt8, to value: Int64) -> Int64? {
        guard let digit = self.digit(byte), value <= (Int64.max - digit) / 10 else { return nil }
        return value * 10 + digit
    }

    /// A price in units of 1/100 000 USD. Zero and nothing are no price, nor is what no GPU costs: sums over a whole fleet and a whole year
    /// of what is at most `priceMax` do not overflow.
    var price: MicroUSD? {
        self.scaled(by: 10).flatMap { $0 > 0 && $0 <= Self.priceMax.micros ? MicroUSD(micros: $0) : nil }
    }

    /// Per GPU and hour, or for a year's months of one.
    private static var priceMax: MicroUSD { .dollars(100_000) }

    /// An amount of the billing API: units of 1/10 000 USD, a tenth of a price's precision. May be zero or negative.
    var billingAmount: MicroUSD? {
        self.scaled(by: 100).map { MicroUSD(micros: $0) }
    }

    var bool: Bool {
        switch self {
        case .bool(let value): value
        case .string(let text), .number(let text): text == "1" || text.lowercased() == "true"
        case .null, .array, .object: false
        }
    }

    /// Unix seconds, milliseconds when they would lie beyond the year 5000, or the text of RFC 3339.
    /// Zero, negative and empty are "not set".
    var timestamp: Timestamp? {
        guard let number = self.scaled(by: 1) else { return RFC3339.seconds(of: self.string).map(Timestamp.init(seconds:)) }
        guard number > 0 else { return nil }
        return number > 100_000_000_000 ? Timestamp(microseconds: Self.clamped(number)) : Timestamp(seconds: number)
    }

    private static func clamped(_ milliseconds: Int64) -> Int64 {
        min(milliseconds, .max / 1000) * 1000
    }

    /// The elements of an array; of null none; anything else counts as an array of one.
    var elements: [JSON] {
        switch self {
        case .array(let elements): elements
        case .null: []
        case .bool, .number, .string, .object: [self]
        }
    }

    /// A list that stands under one of the keys, or bare. An empty one may be left out of its reply.
    /// Nil for a reply that is something else: an unexpected reply is not an empty list.
    func list(_ keys: String...) -> [JSON]? { self.list(keys) }

    func list(_ keys: [String]) -> [JSON]? {
        if case .array(let elements) = self { return elements }
        guard case .object(let members) = self else { return nil }
        if let member = members.first(where: { member in keys.contains { Self.isSameKey(member.key, $0) } }) {
            return member.value.elements
        }
        return members.isEmpty || self["total"] != .null ? [] : nil
    }
}
