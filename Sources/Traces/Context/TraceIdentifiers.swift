/// Names a trace: 16 bytes, not all of them zero.
package struct TraceID: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    /// nil for zero, which stands for no trace.
    package init?(high: UInt64, low: UInt64) {
        guard high != 0 || low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    package var bytes: [UInt8] { bigEndianBytes(self.high) + bigEndianBytes(self.low) }
}

/// Names a span within its trace: 8 bytes, not all of them zero.
package struct SpanID: Hashable, Sendable {
    package let number: UInt64

    /// nil for zero, which stands for no span.
    package init?(_ number: UInt64) {
        guard number != 0 else { return nil }
        self.number = number
    }

    package var bytes: [UInt8] { bigEndianBytes(self.number) }
}

extension TraceID: CustomStringConvertible {
    /// 32 hexadecimal digits in lower case.
    package var description: String { Hexadecimal.text(self.high) + Hexadecimal.text(self.low) }
}

extension SpanID: CustomStringConvertible {
    /// 16 hexadecimal digits in lower case.
    package var description: String { Hexadecimal.text(self.number) }
}

private func bigEndianBytes(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) }
}

/// Numbers in hexadecimal digits of lower case, which is the only case that W3C Trace Context allows.
enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    /// 16 digits.
    static func text(_ number: UInt64) -> String {
        String(decoding: (0..<16).map { self.digits[Int(number >> (60 - 4 * UInt64($0)) & 0xf)] }, as: UTF8.self)
    }

    /// Two digits.
    static func text(_ byte: UInt8) -> String {
        String(decoding: [self.digits[Int(byte >> 4)], self.digits[Int(byte & 0xf)]], as: UTF8.self)
    }

    /// nil when there is another character among them. At most 16 digits.
    static func number(_ digits: some Sequence<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}
