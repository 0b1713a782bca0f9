import Synchronization
import TestSupport
import Testing

@testable import Sidecar

@Suite("An answer that many ask for", .timeLimit(.minutes(1)))
struct SharedAnswerTests {
    /// Counts the questions, and answers each with its number when it is let.
    private final class Source: Sendable {
        private let state = Mutex<(asked: Int, waiting: [CheckedContinuation<Int, Never>])>((0, []))

        var asked: Int { self.state.withLock { $0.asked } }

        func answer() async -> Int {
            await withCheckedContinuation { continuation in
                self.state.withLock { state in
                    state.asked += 1
                    state.waiting.append(continuation)
                }
            }
        }

        func letGo() {
            let (number, waiting) = self.state.withLock { state in
                defer { state.waiting = [] }
                return (state.asked, state.waiting)
            }
            for continuation in waiting { continuation.resume(returning: number) }
        }
    }

    @Test("is fetched once for all who ask meanwhile, and again for who comes later")
    func once() async throws {
        let source = Source()
        let shared = SharedAnswer { await source.answer() }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<200 { group.addTask { await shared.value() } }
            try await eventually("all wait for the one that asks") { await shared.sharers == 199 }
            #expect(source.asked == 1)
            source.letGo()
            for try await answer in group { #expect(answer == 1) }
        }
        async let later = shared.value()
        try await eventually("it is asked for again") { source.asked == 2 }
        source.letGo()
        #expect(await later == 2)
    }

    @Test("is not fetched for who is content with an old one")
    func old() async throws {
        let source = Source()
        let shared = SharedAnswer { await source.answer() }
        async let first = shared.value()
        try await eventually("it is asked for") { source.asked == 1 }
        source.letGo()
        #expect(await first == 1)
        #expect(await shared.value(noOlderThan: .seconds(3600)) == 1)
        #expect(source.asked == 1)
    }
}
