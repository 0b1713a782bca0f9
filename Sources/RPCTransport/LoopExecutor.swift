package import NIOCore
internal import RPCCore
internal import Synchronization

/// Runs the jobs of tasks on one event loop, so that a handler that suspends comes back to its connection's thread.
///
/// A handler that does not suspend is started by `Task.immediate` and never comes here: `enqueueCount` shows it.
// `@unchecked Sendable`: `queue`, `isDrainScheduled`, `turnBeganAt`, `delay`, `unfolding` and `output` are touched on the loop only, which `enqueue` sees
// to and `drain` asserts; the rest is constant.
package final class LoopExecutor: TaskExecutor, CallHome, @unchecked Sendable {
    package let loop: any EventLoop
    /// Each is run once: by `drain`, which forgets it.
    private var queue: [UnownedJob] = []
    /// What other threads have queued since the loop last looked: one look takes all of it, as when a change wakes thousands of watches.
    private let foreign = Mutex<[UnownedJob]>([])
    private var isDrainScheduled = false
    /// When the jobs began that have run since the sockets had their turn, in nanoseconds; nil when none has left others behind it.
    private var turnBeganAt: UInt64?
    /// Of the loop; touched on it only.
    let delay: LoopDelay
    /// What the loop has for unfolding compressed messages; touched on it only.
    var unfolding = LoopShare()
    /// Of the loop's connections; touched on it only.
    let output = OutputBuffer()
    private let enqueues = Atomic<Int>(0)

    package init(_ loop: any EventLoop) {
        self.loop = loop
        self.delay = LoopDelay(loop: loop)
    }

    /// How many jobs were ever queued: what a test counts.
    package var enqueueCount: Int { self.enqueues.load(ordering: .relaxed) }

    package func enqueue(_ job: consuming ExecutorJob) {
        self.enqueues.wrappingAdd(1, ordering: .relaxed)
        let job = UnownedJob(job)
        if self.loop.inEventLoop {
            self.append(job)
        } else {
            let isFirst = self.foreign.withLock { jobs in
                jobs.append(job)
                return jobs.count == 1
            }
            if isFirst { self.loop.execute { self.drainForeign() } }
        }
    }

    package func execute(_ body: @escaping @Sendable () -> Void) { self.loop.execute(body) }

    private func append(_ job: UnownedJob) {
        self.queue.append(job)
        guard !self.isDrainScheduled else { return }
        self.isDrainScheduled = true
        self.loop.execute { self.drain() }
    }

    private func drainForeign() {
        self.queue += self.foreign.withLock { jobs in
            defer { jobs = [] }
            return jobs
        }
        // Otherwise it is to come anyway: two at a time would never come to one again while jobs queue others.
        if !self.isDrainScheduled { self.drain() }
    }

    /// Nanoseconds for which jobs that queue further jobs have the loop. It looks at its sockets only when nothing is left to be run.
    private static let turnMax: UInt64 = 1_000_000
    /// After that they wait for this long at least: for something that is not due yet, so that the loop comes to its sockets.
    private static let socketsTurn = TimeAmount.microseconds(20)

    /// Runs what is queued. What that queues in turn comes after what others have the loop do, and after the sockets at least once in a while.
    private func drain() {
        self.loop.assertInEventLoop()
        let jobs = self.queue
        self.queue = []
        self.isDrainScheduled = true
        // The unowned reference lives for this call only, within a method of the executor that it refers to.
        for job in jobs { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        self.isDrainScheduled = !self.queue.isEmpty
        guard self.isDrainScheduled else { return self.turnBeganAt = nil }
        let now = NIODeadline.now().uptimeNanoseconds
        if now - (self.turnBeganAt ?? now) < Self.turnMax {
            self.turnBeganAt = self.turnBeganAt ?? now
            self.loop.execute { self.drain() }
        } else {
            self.turnBeganAt = nil
            self.loop.scheduleTask(in: Self.socketsTurn) { self.drain() }
        }
    }
}
