import Fleet
import Testing

@Suite("Money")
struct MoneyTests {
    @Test(
        "Amounts print with as many decimals as they have, at least two",
        arguments: [(0, "0.00 USD"), (350_000, "0.35 USD"), (1, "0.000001 USD"), (-1_500_000, "-1.50 USD"), (12_345_678, "12.345678 USD")])
    func text(_ micros: Int64, _ text: String) {
        #expect(MicroUSD(micros: micros).description == text)
    }

    @Test("An intent counts as the machine it may become, a debt as the machine it is")
    func liability() {
        var instance = Instance.sample(.pending, upstream: nil)
        #expect(instance.liableMachines == 1 && instance.liableHourlySpend == MicroUSD(micros: 350_000))
        instance.debts = [Debt(upstreamID: UpstreamID(rawValue: "m2"), hourlyPrice: MicroUSD(micros: 5), since: noon)]
        #expect(instance.liableMachines == 2 && instance.liableHourlySpend == MicroUSD(micros: 350_005))
        instance.state = .failed
        #expect(instance.liableMachines == 1 && instance.liableHourlySpend == MicroUSD(micros: 5) && instance.isLiving)
    }
}
