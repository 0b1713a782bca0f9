import Fleet
import Testing

@Suite("What is said about the fleet")
struct ControlTests {
    private static let freeze = FleetControl.Freeze(actor: "op", reason: "r", since: noon)
    private static let observation = FleetControl.Observation(reason: "restored", since: noon)

    @Test(
        "A freeze stops what begins and what is automatic; an observed deployment does nothing at all",
        arguments: [
            (FleetControl(), [true, true, true]), (FleetControl(freeze: freeze), [false, false, true]),
            (FleetControl(observation: observation), [false, false, false]),
            (FleetControl(freeze: freeze, observation: observation), [false, false, false]),
        ])
    func permissions(_ control: FleetControl, _ permitted: [Bool]) {
        #expect([.begin, .endAutomatically, .obey].map { control.refusal(of: $0) == nil } == permitted)
    }

    @Test(
        "The brake counts a minute and a share of the fleet, of which three are always allowed",
        arguments: [
            (0, 0, 100, nil), (19, 19, 100, nil), (20, 20, 1000, BrakeReached.Limit.perMinute), (0, 20, 100, .fleetPercent),
            (0, 19, 100, nil), (0, 2, 1, nil), (0, 3, 1, .fleetPercent), (0, 2, 14, nil), (0, 3, 14, .fleetPercent), (0, 3, 20, nil),
            (0, 0, 0, nil),
        ])
    func brake(_ inMinute: Int, _ inWindow: Int, _ fleet: Int, _ limit: BrakeReached.Limit?) {
        #expect(Brake().reached(inMinute: inMinute, inWindow: inWindow, fleet: fleet)?.limit == limit)
    }

    @Test(
        "The alarm for an unconfirmed delete grows with each doubling of its age",
        arguments: [(0, 0), (599, 0), (600, 1), (1199, 1), (1200, 2), (9600, 5)])
    func alarm(_ seconds: Int, _ level: Int) throws {
        var instance = Instance.sample(.deleting)
        instance.desiredState = .deleted
        instance.deleteAskedAt = noon - .seconds(seconds)
        let owed = try #require(instance.owedMachines.first)
        #expect(owed.kind == .deleting && owed.hourlyPrice == Placement.standard.hourlyPrice)
        #expect(DebtAlarm.level(of: owed, at: noon) == level)
    }

    @Test("A machine without a record whose price is not known is counted as such, and not as free")
    func unpriced() {
        var orphan = Instance.sample()
        orphan.orphanedSince = noon
        var unpriced = orphan
        unpriced.placement = nil
        let debts = FleetDebts(of: [orphan, unpriced])
        #expect(debts.orphans == 2 && debts.orphansUnpriced == 1 && debts.orphanedHourly == Placement.standard.hourlyPrice)
    }

    @Test("Nobody is owed for a machine that is wanted, or that is proven gone")
    func nothingOwed() {
        var gone = Instance.sample(.deleted)
        gone.desiredState = .deleted
        #expect(FleetDebts(of: [.sample(), gone]).machines == [])
    }
}
