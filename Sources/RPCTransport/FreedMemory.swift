internal import CProcessLimits

/// What the allocator does with memory that is freed.
package enum FreedMemory {
    /// Bytes that are kept by all event loops together: enough for the messages of a few calls of 4 MiB, which come one after the other.
    static let keptMax = 16 << 20
    /// For one loop, however many there are: a message of the greatest size.
    static let keptByLoopMin = 4 << 20

    /// Keeps what is freed for what comes next: for a server of messages. For the whole process; called before it has threads.
    ///
    /// - Parameter loops: event loops, each with a heap of its own; nil: as many as suit the machine.
    package static func keep(loops: Int?) {
        novitai_keep_freed_memory(Int32(self.keptByLoop(of: loops ?? ProcessorShare.eventLoopCount)))
    }

    static func keptByLoop(of loops: Int) -> Int { max(self.keptByLoopMin, self.keptMax / max(1, loops)) }
}
