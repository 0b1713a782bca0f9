import Synchronization

/// Runs the tasks of one simulated run on one thread, in an order drawn from the seed: between any two jobs the world may end.
final class SeededExecutor: TaskExecutor {
    private let ready = Mutex<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        self.ready.withLock { $0.append(unowned) }
    }

    /// Runs one of the ready jobs; false when there is none.
    func runOne(_ dice: Dice) -> Bool {
        let job: UnownedJob? = self.ready.withLock { ready in
            ready.isEmpty ? nil : ready.remove(at: dice.number(0...ready.count - 1))
        }
        guard let job else { return false }
        // The job was handed to this executor, is run once, and its task is kept alive by the runtime until it has run.
        unsafe job.runSynchronously(on: self.asUnownedTaskExecutor())
        return true
    }
}
