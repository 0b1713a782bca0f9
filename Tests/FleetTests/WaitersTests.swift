import Fleet
import Synchronization
import TestSupport
import Testing

@Suite("Tasks that wait")
struct WaitersTests {
    /// Tasks that wait, which note when they go on.
    private final class Waiting: Sendable {
        let waiters = Waiters<String>(limit: 100)
        private let gone = Mutex<[String]>([])

        var goneOn: [String] { self.gone.withLock { $0 } }

        func add(_ name: String, for key: String, until deadline: Timestamp? = nil, to group: inout TaskGroup<Void>) async throws {
            let before = self.waiters.count
            group.addTask {
                _ = await self.waiters.wait(for: key, until: deadline) { false }
                self.gone.withLock { $0.append(name) }
            }
            try await eventually("it waits") { self.waiters.count == before + 1 }
        }
    }

    @Test("No more than so many wait; a place that became free can be taken")
    func bounded() async throws {
        let waiters = Waiters<Int>(limit: 1)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { await waiters.wait(for: 1) { false } }
            try await eventually("one waits") { waiters.count == 1 }
            #expect(await !waiters.wait(for: 2) { false }, "full")
            #expect(waiters.count == 1)
            waiters.wake(2)
            #expect(waiters.count == 1, "not meant")
            waiters.wake(1)
            #expect(try await group.next() == true)
            #expect(await waiters.wait(for: 3) { true }, "what has happened already is not waited for")
            #expect(waiters.count == 0)
        }
    }

    @Test("Those of a key are woken by it, by a condition that it fits, or with all, and nobody else")
    func keys() async throws {
        let waiting = Waiting()
        await withTaskGroup(of: Void.self) { group in
            do {
                for (name, key) in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("c1", "c"), ("d1", "d")] {
                    try await waiting.add(name, for: key, to: &group)
                }
                waiting.waiters.wake("a")
                try await eventually("both go on") { Set(waiting.goneOn) == ["a1", "a2"] }
                #expect(waiting.waiters.count == 3)
                waiting.waiters.wake(["c", "absent"])
                try await eventually("it goes on") { waiting.goneOn.last == "c1" }
                waiting.waiters.wake { $0 > "c" }
                try await eventually("it goes on") { waiting.goneOn.last == "d1" }
                #expect(waiting.waiters.count == 1)
            } catch {
                Issue.record(error)
            }
            waiting.waiters.wakeAll()
        }
        #expect(waiting.goneOn.last == "b1" && waiting.waiters.count == 0)
    }

    @Test("Those whose time has come are woken, and of the others the one whose time comes first; who has no deadline is not")
    func deadlines() async throws {
        let waiting = Waiting()
        await withTaskGroup(of: Void.self) { group in
            do {
                for (name, seconds) in [("late", 30), ("due", 10), ("never", nil), ("next", 20)] as [(String, Int?)] {
                    try await waiting.add(name, for: name, until: seconds.map { noon + .seconds($0) }, to: &group)
                }
                waiting.waiters.wakeDue(at: noon + .seconds(10))
                try await eventually("one goes on") { waiting.goneOn == ["due"] }
                waiting.waiters.wakeEarliest()
                try await eventually("another goes on") { waiting.goneOn == ["due", "next"] }
                #expect(waiting.waiters.count == 2)
            } catch {
                Issue.record(error)
            }
            waiting.waiters.wakeAll()
        }
        #expect(waiting.waiters.count == 0)
    }

    @Test("Who is cancelled goes on at once, and is not counted any more")
    func cancelled() async throws {
        let waiters = Waiters<Same>(limit: 10)
        let tasks = (0..<5).map { _ in Task { await waiters.wait { false } } }
        try await eventually("all wait") { waiters.count == 5 }
        tasks[2].cancel()
        #expect(await tasks[2].value)
        #expect(waiters.count == 4)
        waiters.wakeAll()
        for task in tasks { #expect(await task.value) }
        #expect(waiters.count == 0)
    }
}
