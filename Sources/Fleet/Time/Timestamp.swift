/// A point in time: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// The domain never asks for the time: every decision takes it as an argument, so that a test can run a day in a moment.
package struct Timestamp: Hashable, Comparable, Sendable, Codable {
    package var microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package init(seconds: Int64) {
        self.microseconds = seconds * 1_000_000
    }

    package init(from decoder: any Decoder) throws {
        self.microseconds = try decoder.singleValueContainer().decode(Int64.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.microseconds)
    }

    /// Whole seconds, rounded down.
    package var seconds: Int64 { self.microseconds / 1_000_000 }

    /// The last multiple of `step` that is not later. Not for times before 1970.
    package func floored(to step: Duration) -> Self {
        Timestamp(microseconds: self.microseconds - self.microseconds % max(1, step.wholeMicroseconds))
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.microseconds < right.microseconds
    }

    package static func + (left: Self, right: Duration) -> Self {
        Timestamp(microseconds: left.microseconds + right.wholeMicroseconds)
    }

    package static func - (left: Self, right: Duration) -> Self {
        Timestamp(microseconds: left.microseconds - right.wholeMicroseconds)
    }

    package static func - (left: Self, right: Self) -> Duration {
        .microseconds(left.microseconds - right.microseconds)
    }
}

extension Duration {
    /// Rounded towards zero. A `Duration` beyond ±292 000 years does not occur: every one here comes from a validated setting.
    package var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
