package import NIOCore
internal import RPCCore
internal import Synchronization

/// Runs the jobs of tasks on one event loop, so that a handler that suspends comes back to its connection's thread.
///
/// A handler that does not suspend is started by `Task.immediate` and never comes here: `enqueueCount` shows it.
// `@unchecked Sendable`: `queue`, `isDrainScheduled`, `pacer`, `turnLength`, `turnMax`, `socketsLength`, `mark`, `delay`, `unfolding` and `output` are touched on the loop only, which `enqueue` sees
// to and `drain` asserts; the rest is constant.
package final class LoopExecutor: TaskExecutor, CallHome, @unchecked Sendable {
    package let loop: any EventLoop
    /// Each is run once: by `drain`, which forgets it.
    private var queue: [UnownedJob] = []
    /// What other threads have queued since the loop last looked: one look takes all of it, as when a change wakes thousands of watches.
    private let foreign = Mutex<[UnownedJob]>([])
    private var isDrainScheduled = false
    /// Of the loop; touched on it only.
    let turns: LoopTurns
    private var pacer = TurnPacer()
    /// Nanoseconds for which jobs have run in this tick of the loop.
    private var turnLength: UInt64 = 0
    /// For how long they may.
    private var turnMax = LoopExecutor.turnMin
    /// For how long the loop's sockets have had it while jobs waited for their turn.
    private var socketsLength: UInt64 = 0
    /// What is to be done behind so many of the queue's jobs, one thing at a time.
    private var mark: (jobsAhead: Int, reached: () -> Void)?
    /// Of the loop; touched on it only.
    let delay: LoopDelay
    /// What the loop has for unfolding compressed messages; touched on it only.
    var unfolding = LoopShare()
    /// Of the loop's connections; touched on it only.
    let output = OutputBuffer()
    private let enqueues = Atomic<Int>(0)

    init(_ loop: any EventLoop, ticks: LoopTicks) {
        self.loop = loop
        self.turns = LoopTurns(loop, ticks)
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
        self.socketsLength = 0
        self.loop.execute { self.drain() }
    }

    private func drainForeign() {
        self.queue += self.foreign.withLock { jobs in
            defer { jobs = [] }
            return jobs
        }
        // Otherwise it is to come anyway: two at a time would never come to one again while jobs queue others.
        guard !self.isDrainScheduled else { return }
        self.socketsLength = 0
        self.drain()
    }

    /// Nanoseconds that jobs may have of a tick of the loop, or as many as its sockets have had: it looks at these only after that.
    private static let turnMin: UInt64 = 1_000_000
    private static let turnLimit: UInt64 = 20_000_000

    /// Runs what is queued. What is left after a turn, and what is queued meanwhile, comes after the sockets: whose calls need no job are then
    /// answered within a turn, however many jobs came in the same moment.
    private func drain() {
        self.loop.assertInEventLoop()
        if self.pacer.beginsTurn(of: self.turns) { self.beginTurn() }
        self.isDrainScheduled = true
        self.runQueued()
        self.isDrainScheduled = !self.queue.isEmpty
        guard self.isDrainScheduled else { return }
        if self.turnLength < self.turnMax {
            self.loop.execute { self.drain() }
        } else {
            // Lost with the loop, which ends only when no handler runs.
            self.loop.scheduleTask(in: self.pacer.nextPause()) { self.drain() }
        }
    }

    private func beginTurn() {
        self.turnMax = min(max(Self.turnMin, self.socketsLength), Self.turnLimit)
        (self.turnLength, self.socketsLength) = (0, 0)
    }

    /// Runs the jobs that are in the queue by now, or as many as the turn has time for.
    private func runQueued() {
        let jobs = self.queue
        self.queue = []
        var (index, now) = (0, NIODeadline.now().uptimeNanoseconds)
        while index < jobs.count, self.turnLength < self.turnMax {
            // The unowned reference lives for this call only, within a method of the executor that it refers to.
            unsafe jobs[index].runSynchronously(on: self.asUnownedTaskExecutor())
            index += 1
            self.passOne()
            let end = NIODeadline.now().uptimeNanoseconds
            self.turnLength += end - now
            now = end
        }
        if index < jobs.count { self.queue = jobs[index...] + self.queue }
    }

    /// The loop's sockets have had so many nanoseconds, and what was called from there.
    func socketsWorked(_ nanoseconds: UInt64) { self.socketsLength += nanoseconds }

    // MARK: How late it is

    /// How long new work waits on the loop: both what a handler does at once and what it does when it comes back.
    func sampleDelay(at now: ContinuousClock.Instant) -> Duration {
        self.delay.sample(at: now) { done in
            if self.queue.isEmpty { self.loop.assumeIsolated().execute(done) } else { self.mark = (self.queue.count, done) }
        }
    }

    private func passOne() {
        guard let (jobsAhead, reached) = self.mark else { return }
        self.mark = jobsAhead > 1 ? (jobsAhead - 1, reached) : nil
        if jobsAhead <= 1 { reached() }
    }
}
