internal import CProtobufC
internal import Glibc

/// Memory for the C form of one message: allocated by moving a pointer, given back all at once.
///
/// Each thread has one and uses it for one message at a time. That holds because decoding and encoding never suspend: ``Wire`` begins
/// and resets it within one synchronous call, and the generated code that runs in between does not begin another; who is lent an encoding must
/// not either, and is stopped if it does.
///
/// Safe to hand around within that call: it checks every size against what is left. Pointers into it are dead after the call.
@safe
@usableFromInline
package struct Arena {
    /// Bookkeeping in memory of its own, because protobuf-c gets a pointer to it.
    ///
    /// Proof of every `unsafe` in this file: `state` lives as long as its thread, and only that thread has it. `next` and `end` point into
    /// the newest block, which is freed by `reset()` or with the thread, and `next` never passes `end`.
    @usableFromInline
    @unsafe
    struct State {
        @usableFromInline var next: UnsafeMutableRawPointer
        @usableFromInline var end: UnsafeMutableRawPointer
        /// The block that is kept from message to message.
        var kept: UnsafeMutableRawPointer
        /// The newest of the blocks added for this message; its first word points to the one before.
        var added: UnsafeMutableRawPointer?
        /// Bytes that may still be added.
        var budget: Int
        /// An allocation was refused. Tells a lack of memory from malformed input, both of which protobuf-c reports as NULL.
        var isExhausted: Bool
        /// A message that lies in it is being written elsewhere (``Wire/place(_:in:at:)``).
        var isBusy = false
        var allocator: ProtobufCAllocator
    }

    @usableFromInline let state: UnsafeMutablePointer<State>

    /// Alignment of everything allocated: the strictest that protobuf-c's structures need (pointers, 64-bit numbers).
    @usableFromInline static let alignment = 8

    /// Uninitialised memory of `size` bytes, or nil when the budget is used up.
    @inlinable
    @inline(__always)
    func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        let start = unsafe self.state.pointee.next
        // Room for rounding up is asked for before the size is rounded, so that no size can overflow.
        guard size >= 0, unsafe size <= self.state.pointee.end - start - (Self.alignment - 1) else {
            return unsafe self.allocateInNewBlock(size)
        }
        unsafe self.state.pointee.next = start + (size + Self.alignment - 1) / Self.alignment * Self.alignment
        return unsafe start
    }

    @usableFromInline
    @inline(never)
    func allocateInNewBlock(_ size: Int) -> UnsafeMutableRawPointer? {
        let budget = unsafe self.state.pointee.budget
        guard size >= 0, size <= budget - 2 * Self.alignment else {
            unsafe self.state.pointee.isExhausted = true
            return nil
        }
        let blockSize = min(max(size + 2 * Self.alignment, WireLimits.arenaGrowth), budget)
        guard let block = unsafe malloc(blockSize) else {
            unsafe self.state.pointee.isExhausted = true
            return nil
        }
        unsafe block.storeBytes(of: self.state.pointee.added, as: UnsafeMutableRawPointer?.self)
        unsafe self.state.pointee.added = block
        unsafe self.state.pointee.budget -= blockSize
        unsafe self.state.pointee.next = block + Self.alignment
        unsafe self.state.pointee.end = block + blockSize
        return unsafe self.allocate(size)
    }

    var isBusy: Bool {
        get { unsafe self.state.pointee.isBusy }
        nonmutating set { unsafe self.state.pointee.isBusy = newValue }
    }

    /// Forgets everything that was allocated. What was added beyond the kept block goes back to the system.
    @usableFromInline
    func reset() {
        while let block = unsafe self.state.pointee.added {
            unsafe self.state.pointee.added = block.load(as: UnsafeMutableRawPointer?.self)
            unsafe free(block)
        }
        unsafe self.state.pointee.next = self.state.pointee.kept
        unsafe self.state.pointee.end = self.state.pointee.kept + WireLimits.arenaKept
    }
}

// MARK: One per thread

/// Finds the calling thread's arena, and frees it when the thread ends.
private let threadArenaKey: pthread_key_t = {
    var key = pthread_key_t()
    let status = unsafe pthread_key_create(&key) { state in
        // Proof: the value is what `makeForThread()` stored, and the thread that used it is over.
        if let state = unsafe state?.assumingMemoryBound(to: Arena.State.self) { unsafe Arena(state: state).destroy() }
    }
    precondition(status == 0, "no thread-specific key left")
    return key
}()

extension Arena {
    /// The calling thread's arena, empty, allowed to use `budget` bytes beyond the block it keeps.
    @usableFromInline
    static func begin(budget: Int) -> Arena {
        let arena =
            // Only `makeForThread` sets the key, to a State that lives until the thread ends.
            if let state = unsafe pthread_getspecific(threadArenaKey) {
                unsafe Arena(state: state.assumingMemoryBound(to: State.self))
            } else {
                Self.makeForThread()
            }
        precondition(!arena.isBusy, "a message was encoded or decoded while another was being written")
        unsafe arena.state.pointee.budget = budget
        unsafe arena.state.pointee.isExhausted = false
        return arena
    }

    @inline(never)
    private static func makeForThread() -> Arena {
        let state = UnsafeMutablePointer<State>.allocate(capacity: 1)
        let kept = UnsafeMutableRawPointer.allocate(byteCount: WireLimits.arenaKept, alignment: Self.alignment)
        let allocator = unsafe ProtobufCAllocator(
            alloc: { state, size in
                // Proof: protobuf-c hands back the `allocator_data` below.
                guard let state = unsafe state?.assumingMemoryBound(to: State.self), let size = Int(exactly: size) else { return nil }
                return unsafe Arena(state: state).allocate(size)
            },
            free: { _, _ in },  // everything is given back at once
            allocator_data: state)
        unsafe state.initialize(
            to: State(
                next: kept, end: kept + WireLimits.arenaKept, kept: kept, added: nil, budget: 0, isExhausted: false,
                allocator: allocator))
        unsafe pthread_setspecific(threadArenaKey, state)
        return unsafe Arena(state: state)
    }

    fileprivate func destroy() {
        self.reset()
        unsafe self.state.pointee.kept.deallocate()
        unsafe self.state.deinitialize(count: 1)
        unsafe self.state.deallocate()
    }

    /// The arena as protobuf-c sees it.
    var allocator: UnsafeMutablePointer<ProtobufCAllocator> {
        // The allocator is a stored member of State, at that offset, and initialised with it.
        unsafe UnsafeMutableRawPointer(self.state)
            .advanced(by: MemoryLayout<State>.offset(of: \.allocator) ?? 0)
            .assumingMemoryBound(to: ProtobufCAllocator.self)
    }
}
