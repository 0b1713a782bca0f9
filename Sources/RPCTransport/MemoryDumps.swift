internal import CProcessLimits

/// Copies of the process' memory, in which tokens, keys and the secrets of containers stand in the clear.
package enum MemoryDumps {
    /// No core file is written of it, and no other process of its user may read it. False when the system refuses.
    package static func forbid() -> Bool { novitai_forbid_memory_dumps() == 0 }
}
