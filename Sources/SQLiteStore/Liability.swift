import Fleet

/// What the ceilings count: machines, and millionths of a dollar per hour.
struct Liability: Hashable {
    var machines: Int64
    var hourlySpend: Int64

    static let zero = Liability(machines: 0, hourlySpend: 0)

    init(machines: Int64, hourlySpend: Int64) {
        self.machines = machines
        self.hourlySpend = hourlySpend
    }

    init(_ instance: Instance) {
        self.init(machines: Int64(instance.liableMachines), hourlySpend: instance.liableHourlySpend.micros)
    }

    static func + (left: Self, right: Self) -> Self {
        Liability(machines: left.machines + right.machines, hourlySpend: left.hourlySpend + right.hourlySpend)
    }

    static func - (left: Self, right: Self) -> Self {
        Liability(machines: left.machines - right.machines, hourlySpend: left.hourlySpend - right.hourlySpend)
    }
}
