/// Which traces are kept.
package struct Sampler: Sendable, Hashable {
    package enum Roots: Sendable, Hashable {
        case all
        case none
        /// That share of them, by their id, so that every system which asks the same share keeps the same ones.
        case share(Double)
    }

    /// What becomes of traces that begin here, and of all when the caller's word does not count.
    package let roots: Roots
    /// Whether who came before decides for traces that began elsewhere.
    package let followsParent: Bool

    package init(roots: Roots, followsParent: Bool) {
        self.roots = roots
        self.followsParent = followsParent
    }

    package func keeps(_ trace: TraceID, under parent: TraceContext?) -> Bool {
        if self.followsParent, let parent { return parent.isSampled }
        switch self.roots {
        case .all: return true
        case .none: return false
        // The last 7 bytes of an id are the random ones, by W3C Trace Context level 2; 53 bits are what a Double can tell apart.
        case .share(let share): return Double((trace.low & 0xff_ffff_ffff_ffff) >> 3) < share * 0x1p53
        }
    }
}
