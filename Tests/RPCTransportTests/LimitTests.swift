import HTTP2Session
import RPCCore
import RPCTransport
import TestSupport
import Testing

@Suite("Limits and flow control")
struct LimitTests {
    @Test("a client that stops reading stops the handler, and the server keeps no more than its limits")
    func slowReader() async throws {
        try await Rig.run { rig in
            try await rig.channel.serverStreaming(BytesMessage(), method: TestService.flood, options: CallOptions()) {
                (responses: ResponseStream<BytesMessage>) in
                var replies = responses.makeAsyncIterator()
                _ = try await replies.next()
                // Many round trips on the same connection, in which a handler without brakes would have written hundreds of megabytes.
                for _ in 0..<300 { _ = try await rig.echo("x") }
                let held = rig.service.floodedBytes.value
                #expect(held <= (1 << 20) + (128 << 10) + 20_000, "the client's window, our buffer, and a message at either end")
                #expect(rig.server.statistics.bufferedBytesNow <= (128 << 10) + 10_005)
                // It goes on when the client does.
                for _ in 0..<1000 { _ = try await replies.next() }
                #expect(rig.service.floodedBytes.value > held)
            }
        }
    }

    @Test("the deadline of a call whose client does not read resets its stream, and the server goes on", .timeLimit(.minutes(1)))
    func deadlineOfSilentReader() async throws {
        try await Rig.run({ $0.threadCount = 1 }) { rig in
            let reader = try await SilentReader(rig.address, method: TestService.flood, timeout: "300m")
            await rig.service.cancelled.reaches(1)
            try await rig.expectEcho("meanwhile")
            let (bytes, code) = try await reader.readToEnd()
            #expect(code == .cancel)
            #expect(bytes > 64 << 10, "the output was full when the deadline came")
            try await rig.expectEcho("afterwards")
            #expect(rig.server.statistics.bufferedBytesNow == 0)
        }
    }

    @Test("all streams of a connection together keep no more than their limit")
    func connectionBuffer() async throws {
        try await Rig.run({ $0.connectionBufferMax = 100_000 }) { rig in
            try await withThrowingTaskGroup { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await rig.channel.serverStreaming(BytesMessage(), method: TestService.flood, options: CallOptions()) {
                            (responses: ResponseStream<BytesMessage>) in
                            var replies = responses.makeAsyncIterator()
                            _ = try await replies.next()
                            await rig.service.started.reaches(20)
                            try await rig.service.gate.wait()
                        }
                    }
                }
                await rig.service.started.reaches(20)
                for _ in 0..<200 { _ = try await rig.echo("x") }
                // Each stream may add one message while it finds out.
                #expect(rig.server.statistics.bufferedBytesNow <= 100_000 + 20 * 10_005)
                rig.service.gate.open()
                try await group.waitForAll()
            }
            await rig.service.cancelled.reaches(20)
        }
    }

    @Test("a handler that does not read stops its client")
    func slowHandler() async throws {
        try await Rig.run { rig in
            let written = Counter()
            let call = Task {
                let _: BytesMessage = try await rig.channel.clientStreaming(method: TestService.deaf, options: CallOptions()) {
                    (requests: RequestWriter<BytesMessage>) in
                    while true {
                        try await requests.write(BytesMessage([UInt8](repeating: 1, count: 10_000)))
                        written.add(10_000)
                    }
                }
            }
            await rig.service.started.reaches(1)
            for _ in 0..<300 { _ = try await rig.echo("x") }
            #expect(written.value <= 65_535 + (64 << 10) + 20_000, "the server's window, the client's buffer, and a message at either end")
            call.cancel()
            #expect(await code { try await call.value } == .cancelled)
            await rig.service.cancelled.reaches(1)
        }
    }

    @Test("no more handlers run for a connection than allowed; the others follow")
    func runningHandlers() async throws {
        try await Rig.run({ $0.runningHandlersMax = 3 }) { rig in
            try await withThrowingTaskGroup { group in
                for _ in 0..<10 { group.addTask { try await rig.hang() } }
                await rig.service.started.reaches(3)
                // Streaming calls are not counted among them, so the connection is still of use.
                for _ in 0..<20 {
                    try await rig.channel.serverStreaming(BytesMessage("1"), method: TestService.repeated, options: CallOptions()) {
                        (responses: ResponseStream<BytesMessage>) in for try await _ in responses {}
                    }
                }
                #expect(rig.service.started.value == 3)
                rig.service.gate.open()
                try await group.waitForAll()
                #expect(rig.service.started.value == 10)
            }
        }
    }

    @Test("a call learns how long calls wait at present, and nothing of a wait that is over nor of a single pause")
    func queueDelay() async throws {
        let busy = TestService.method("Busy", .unary)
        let delay = TestService.method("Delay", .unary)
        try await Rig.run(router: { router in
            router.register(unary: busy) { (request: BytesMessage, _) in
                // Holds the loop, as a handler should not.
                let end = ContinuousClock.now + .milliseconds(150)
                while ContinuousClock.now < end {}
                return request
            }
            router.register(unary: delay) { (_: BytesMessage, context) in BytesMessage("\(Int(context.queueDelay / .milliseconds(1)))") }
        }) { rig in
            func call(_ method: MethodDescriptor) async throws -> Int {
                let reply: BytesMessage = try await rig.channel.unary(BytesMessage("0"), method: method, options: CallOptions())
                return Int(reply.text) ?? -1
            }
            // What a call learns after the loop was held so often. A busy machine may hold it too, or come too late to it.
            func learnt(afterHolding times: Int, until isRight: (Int) -> Bool) async throws -> Int {
                for _ in 0..<20 {
                    for _ in 0..<2 { _ = try await call(delay) }
                    for _ in 0..<times { _ = try await call(busy) }
                    let learnt = try await call(delay)
                    if isRight(learnt) { return learnt }
                }
                return -1
            }
            for times in [0, 1] {
                let wait = try await learnt(afterHolding: times) { $0 < 150 }
                #expect((0..<150).contains(wait))
            }
            let wait = try await learnt(afterHolding: 2) { $0 >= 150 }
            #expect(wait >= 150)
        }
    }

    @Test("a call that is cancelled before its turn leaves nothing of its request behind", .timeLimit(.minutes(1)))
    func cancelledBeforeItsTurn() async throws {
        try await Rig.run({ $0.runningHandlersMax = 1 }) { rig in
            let running = Task { try await rig.hang() }
            await rig.service.started.reaches(1)
            let size = 1_000_000
            for _ in 0..<10 {
                let call = Task {
                    let request = BytesMessage([UInt8](repeating: 1, count: size))
                    let _: BytesMessage = try await rig.channel.unary(request, method: TestService.hang, options: CallOptions())
                }
                try await eventually("the request is queued") { rig.server.statistics.queuedBytesNow >= size }
                #expect(rig.server.statistics.queuedBytesNow == size)
                call.cancel()
                #expect(await code { try await call.value } == .cancelled)
                try await eventually("the request is forgotten") { rig.server.statistics.queuedBytesNow == 0 }
            }
            rig.service.gate.open()
            try await running.value
            #expect(rig.service.started.value == 1)
        }
    }

    @Test("a handler that is cancelled keeps its place until it returns")
    func stubbornHandler() async throws {
        let stubborn = TestService.method("Stubborn", .unary)
        let release = Gate()
        let entered = Counter()
        try await Rig.run(
            { $0.runningHandlersMax = 1 },
            router: { router in
                router.register(unary: stubborn) { (request: BytesMessage, _) in
                    entered.add()
                    // Not cancelled with the call: a task of its own.
                    await Task.detached { try? await release.wait() }.value
                    return request
                }
            }
        ) { rig in
            // Each is cancelled once the server has it, and not by a deadline, which may come before the call is sent.
            for number in 1...5 {
                let call = Task {
                    let _: BytesMessage = try await rig.channel.unary(BytesMessage(), method: stubborn, options: CallOptions())
                }
                try await eventually("the server has the call") { rig.server.statistics.calls == number }
                call.cancel()
                #expect(await code { try await call.value } == .cancelled)
            }
            // Once the server has this call it has the resets of those before it as well.
            let last = Task { try await rig.expectEcho("x") }
            try await eventually("the server has the last call") { rig.server.statistics.calls == 6 }
            #expect(entered.value == 1)
            release.open()
            try await last.value
            #expect(entered.value == 1, "calls that were over before their turn are not started")
        }
    }

    @Test("calls that wait may have half of the streams, so that others still get through")
    func waitingCalls() async throws {
        try await Rig.run({ $0.session.maxConcurrentStreams = 6 }) { rig in
            try await withThrowingTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask {
                        try await rig.channel.serverStreaming(BytesMessage(), method: TestService.flood, options: CallOptions()) {
                            (responses: ResponseStream<BytesMessage>) in try await rig.service.gate.wait()
                        }
                    }
                }
                await rig.service.started.reaches(3)
                #expect(
                    await code {
                        try await rig.channel.serverStreaming(BytesMessage("1"), method: TestService.repeated, options: CallOptions()) {
                            (responses: ResponseStream<BytesMessage>) in for try await _ in responses {}
                        }
                    } == .resourceExhausted)
                try await rig.expectEcho("x")
                rig.service.gate.open()
                try await group.waitForAll()
            }
        }
    }

    @Test("a client at the server's limit of streams queues")
    func streamLimit() async throws {
        try await Rig.run({ $0.session.maxConcurrentStreams = 2 }) { rig in
            try await withThrowingTaskGroup { group in
                for index in 0..<100 {
                    group.addTask { try await rig.expectEcho("\(index)") }
                }
                try await group.waitForAll()
            }
            #expect(rig.server.statistics.connections == 1)
        }
    }
}
