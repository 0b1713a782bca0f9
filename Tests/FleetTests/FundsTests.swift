import Fleet
import Testing

@Suite("Funds")
struct FundsTests {
    private static let hour: Duration = .seconds(3600)

    @Test(
        "A create is refused when the balance does not carry it and what runs for an hour",
        arguments: [
            (10, 0, 0, 10, false), (10, 0, 0, 11, true), (10, 4, 0, 6, false), (10, 4, 0, 7, true), (10, 4, 1, 2, false),
            (10, 4, 1, 3, true), (0, 0, 0, 1, true), (-3, 0, 0, 1, true), (0, 0, 4, 1, false),
        ])
    func refusal(_ balance: Int64, _ spend: Int64, _ hoursAgo: Int, _ price: Int64, _ isRefused: Bool) {
        let funds = Funds(balance: .dollars(balance), readAt: noon - Self.hour * hoursAgo)
        #expect((funds.refusal(of: .dollars(price), at: noon, hourlySpend: .dollars(spend)) != nil) == isRefused)
    }

    @Test("The runway is what is left by now; less than a day of it is low, and so is an empty account")
    func runway() {
        let funds = Funds(balance: .dollars(100), readAt: noon - Self.hour * 2)
        #expect(funds.runwayHours(at: noon, hourlySpend: .dollars(10)) == 8)
        #expect(funds.runwayHours(at: noon, hourlySpend: .zero) == nil)
        #expect(funds.isLow(at: noon, hourlySpend: .dollars(10)) && !funds.isLow(at: noon, hourlySpend: .dollars(1)))
        #expect(!funds.isLow(at: noon, hourlySpend: .zero))
        #expect(Funds(balance: .zero, readAt: noon).isLow(at: noon, hourlySpend: .zero))
        #expect(funds.estimate(at: noon, hourlySpend: MicroUSD(micros: .max)) == .zero)
    }

    @Test("What is stopped, or paid by the month, spends nothing by the hour; a machine that must go does")
    func billed() {
        var instance = Instance.sample()
        let price = instance.liableHourlySpend
        #expect(price > .zero && instance.billedHourlySpend == price)
        instance.billing = BillingFacts(paidUntil: noon + .seconds(3600))
        #expect(instance.billedHourlySpend == .zero && instance.liableHourlySpend == price)
        var stopped = Instance.sample(.stopped, status: "exited")
        #expect(stopped.billedHourlySpend == .zero && stopped.liableHourlySpend == price)
        stopped.debts = [Debt(upstreamID: UpstreamID(rawValue: "m2"), hourlyPrice: .dollars(2), since: noon)]
        #expect(stopped.billedHourlySpend == .dollars(2))
    }
}
