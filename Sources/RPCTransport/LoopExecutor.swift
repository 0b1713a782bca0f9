package import NIOCore
internal import RPCCore
internal import Synchronization

/// Runs the jobs of tasks on one event loop, so that a handler that suspends comes back to its connection's thread.
///
/// A handler that does not suspend is started by `Task.immediate` and never comes here: `enqueueCount` shows it.
// `@unchecked Sendable`: `queue`, `isDrainScheduled`, `turnLength`, `rest`, `delay`, `unfolding` and `output` are touched on the loop only, which `enqueue` sees
// to and `drain` asserts; the rest is constant.
package final class LoopExecutor: TaskExecutor, CallHome, @unchecked Sendable {
    package let loop: any EventLoop
    /// Each is run once: by `drain`, which forgets it.
    private var queue: [UnownedJob] = []
    /// What other threads have queued since the loop last looked: one look takes all of it, as when a change wakes thousands of watches.
    private let foreign = Mutex<[UnownedJob]>([])
    private var isDrainScheduled = false
    private let ticks: LoopTicks
    /// Nanoseconds for which jobs have run in this tick of the loop.
    private var turnLength: UInt64 = 0
    /// How long the jobs rest when that is too long.
    private var rest = LoopExecutor.restMin
    /// Of the loop; touched on it only.
    let delay: LoopDelay
    /// What the loop has for unfolding compressed messages; touched on it only.
    var unfolding = LoopShare()
    /// Of the loop's connections; touched on it only.
    let output = OutputBuffer()
    private let enqueues = Atomic<Int>(0)

    init(_ loop: any EventLoop, ticks: LoopTicks) {
        self.loop = loop
        self.ticks = ticks
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

    /// Nanoseconds that jobs may have of a tick of the loop: it looks at its sockets only after that.
    private static let turnMax: UInt64 = 1_000_000
    /// What is left then waits for this long at least: were it due at once, the tick would not end. And twice as long each time that it comes
    /// too early all the same, as on a machine that takes longer than that to look for what is due.
    private static let restMin = TimeAmount.microseconds(20)
    /// Jobs that are run between two looks at the clock: they mostly take microseconds.
    private static let uncheckedJobs = 8

    /// Runs what is queued. What is left after a turn, and what is queued meanwhile, comes after the sockets: whose calls need no job are then
    /// answered within a turn, however many jobs came in the same moment.
    private func drain() {
        self.loop.assertInEventLoop()
        if self.ticks.isFirstAsking(of: self.loop) { (self.turnLength, self.rest) = (0, Self.restMin) }
        self.isDrainScheduled = true
        self.runQueued()
        self.isDrainScheduled = !self.queue.isEmpty
        guard self.isDrainScheduled else { return }
        if self.turnLength < Self.turnMax {
            self.loop.execute { self.drain() }
        } else {
            self.loop.scheduleTask(in: self.rest) { self.drain() }
            self.rest = self.rest * 2
        }
    }

    /// Runs the jobs that are in the queue by now, or as many as the turn has time for.
    private func runQueued() {
        let jobs = self.queue
        self.queue = []
        var (index, now) = (0, NIODeadline.now().uptimeNanoseconds)
        while index < jobs.count, self.turnLength < Self.turnMax {
            let piece = jobs[index..<min(index + Self.uncheckedJobs, jobs.count)]
            // The unowned reference lives for this call only, within a method of the executor that it refers to.
            for job in piece { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
            index = piece.endIndex
            let end = NIODeadline.now().uptimeNanoseconds
            self.turnLength += end - now
            now = end
        }
        if index < jobs.count { self.queue = jobs[index...] + self.queue }
    }
}
