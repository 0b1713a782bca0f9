internal import CProcessLimits

/// How many descriptors the process may have open. Each connection is one.
package enum DescriptorLimit {
    /// Descriptors that are left to everything but connections: the database, the provider, probes, listeners, event loops.
    static let reserve = 256
    /// Descriptors of an event loop: what it polls, and what wakes it.
    static let perLoop = 3

    /// Raises the limit to what the system allows. nil when the system does not say.
    package static func raise() -> Int? {
        let limit = novitai_raise_descriptor_limit()
        return limit > 0 ? limit : nil
    }
}

extension ConnectionLimits {
    /// Lets no more connections in than there are descriptors for: accepting then waits for one to end, instead of failing. Where there are few,
    /// half of them are left to the rest of the program.
    package mutating func fit(descriptors limit: Int, loops: Int = 1) {
        let reserve = DescriptorLimit.reserve + DescriptorLimit.perLoop * (loops - 1)
        self.connectionsMax = min(self.connectionsMax, max(1, limit - min(reserve, limit / 2)))
        self.connectionsPerAddressMax = min(self.connectionsPerAddressMax, self.connectionsMax)
    }
}
