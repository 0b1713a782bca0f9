package import NIOCore
internal import RPCCore
internal import Synchronization

/// Runs the jobs of tasks on one event loop, so that a handler that suspends comes back to its connection's thread.
///
/// A handler that does not suspend is started by `Task.immediate` and never comes here: `enqueueCount` shows it.
// `@unchecked Sendable`: `queue`, `isDrainScheduled`, `delay` and `output` are touched on the loop only, which `enqueue` sees to and `drain` asserts; the
// rest is constant.
package final class LoopExecutor: TaskExecutor, CallHome, @unchecked Sendable {
    package let loop: any EventLoop
    /// Each is run once: by `drain`, which forgets it.
    private var queue: [UnownedJob] = []
    /// What other threads have queued since the loop last looked: one look takes all of it, as when a change wakes thousands of watches.
    private let foreign = Mutex<[UnownedJob]>([])
    private var isDrainScheduled = false
    /// Of the loop; touched on it only.
    let delay: LoopDelay
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
        self.drain()
    }

    /// Runs what is queued. What that queues in turn waits for the next turn of the loop, so that sockets get theirs in between.
    private func drain() {
        self.loop.assertInEventLoop()
        self.isDrainScheduled = false
        let jobs = self.queue
        self.queue = []
        // The unowned reference lives for this call only, within a method of the executor that it refers to.
        for job in jobs { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
