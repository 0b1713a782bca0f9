internal import CivilTime

/// When a token ends, as people say it.
package enum TokenExpiry {
    /// Longer ones are typing errors.
    static let daysMax: Int64 = 36_500
    private static let units: [Character: Int64] = ["d": 86_400, "h": 3600, "m": 60]

    /// `90d`, `12h`, `30m` from now, or a time of RFC 3339; nil for other text.
    package static func seconds(of text: String, now: Int64) -> Int64? {
        if let unit = text.last.flatMap({ self.units[$0] }), let count = Int64(text.dropLast()), count > 0 {
            let (seconds, overflows) = count.multipliedReportingOverflow(by: unit)
            return overflows || seconds > self.daysMax * 86_400 ? nil : now + seconds
        }
        return RFC3339.seconds(of: text)
    }
}
