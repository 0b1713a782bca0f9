/// Whether the machine's clock can be believed: the provider says in every reply what time it is. What is ended by itself is ended by the
/// clock, and a clock that is an hour fast makes everything idle.
package enum ClockDoubt {
    /// Less than half of a warning. A reply may be on its way, and its time is in whole seconds.
    package static let skewMax: Duration = .seconds(120)

    /// Nil: there is none, or nobody has said what time it is.
    ///
    /// - Parameter skew: the provider's time less ours.
    package static func judge(skew: Duration?) -> String? {
        guard let skew, skew > self.skewMax || skew < .zero - self.skewMax else { return nil }
        let seconds = skew.components.seconds
        let doubt = "the clock is \(abs(seconds)) s \(seconds > 0 ? "behind" : "ahead of") the provider's"
        return "\(doubt): nothing is created or ended by itself; set the machine's clock right and restart the server"
    }
}
