internal import CProcessLimits

/// What the allocator does with memory that is freed.
package enum FreedMemory {
    /// Keeps up to 16 MiB for what comes next: for a server of messages, which come one after the other. For the whole process; called before
    /// it has threads.
    package static func keep() { novitai_keep_freed_memory() }
}
