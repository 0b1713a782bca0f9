/// What the account can still spend, as the provider last told.
package struct Funds: Sendable, Hashable {
    package var balance: MicroUSD
    package var readAt: Timestamp

    package init(balance: MicroUSD, readAt: Timestamp) {
        self.balance = balance
        self.readAt = readAt
    }

    /// What must be left for everything that runs to go on so long, else somebody should look.
    package static let runwayWanted: Duration = .seconds(86_400)
    /// An older reading says nothing: nothing is refused for it. Two readings may fail in between.
    package static let validFor: Duration = .seconds(3 * 3600)

    /// What is left by now if so much has been spent in every hour since.
    package func estimate(at now: Timestamp, hourlySpend: MicroUSD) -> MicroUSD {
        let seconds = max(0, (now - self.readAt).components.seconds)
        let (spent, isTooMuch) = hourlySpend.micros.multipliedReportingOverflow(by: seconds)
        return isTooMuch ? .zero : MicroUSD(micros: self.balance.micros - spent / 3600)
    }

    /// Hours that the balance carries the spending; nil without any.
    package func runwayHours(at now: Timestamp, hourlySpend: MicroUSD) -> Double? {
        guard hourlySpend > .zero else { return nil }
        return max(0, Double(self.estimate(at: now, hourlySpend: hourlySpend).micros) / Double(hourlySpend.micros))
    }

    /// Less than `runwayWanted` is left, or nothing.
    package func isLow(at now: Timestamp, hourlySpend: MicroUSD) -> Bool {
        let hours = Double(Self.runwayWanted.components.seconds) / 3600
        return self.balance <= .zero || self.runwayHours(at: now, hourlySpend: hourlySpend).map { $0 < hours } ?? false
    }

    /// Nil: everything that runs, and this too, is carried for an hour, or too little is known to say no. Otherwise what there is.
    package func refusal(of price: MicroUSD, at now: Timestamp, hourlySpend: MicroUSD) -> MicroUSD? {
        guard now - self.readAt <= Self.validFor else { return nil }
        let left = self.estimate(at: now, hourlySpend: hourlySpend)
        return left < hourlySpend + price ? left : nil
    }
}
