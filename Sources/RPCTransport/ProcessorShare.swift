internal import CProcessLimits
internal import NIOCore

/// The processors that this process may use.
package enum ProcessorShare {
    /// More loops than that only hold memory: one serves a hundred thousand calls a second.
    private static let loopsMax = 4

    /// Event loops that suit the machine. With more than one, a client whose thousands of streams keep a loop busy leaves another to the rest.
    package static var eventLoopCount: Int { max(1, min(Self.count, Self.loopsMax)) }

    /// What both the container's quota and the scheduler's mask leave.
    private static var count: Int {
        let allowed = Int(novitai_allowed_processor_count())
        return allowed > 0 ? min(allowed, System.coreCount) : System.coreCount
    }
}
