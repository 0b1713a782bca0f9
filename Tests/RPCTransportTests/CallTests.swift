import RPCCore
import RPCTransport
import Synchronization
import Testing

@Suite("Calls of our client to our server")
struct CallTests {
    @Test("a unary call of any size", arguments: [0, 1, 16_379, 16_380, 65_535, 300_000, 4 << 20])
    func unary(_ size: Int) async throws {
        try await Rig.run { rig in
            let request = BytesMessage((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) })
            let reply: BytesMessage = try await rig.channel.unary(request, method: TestService.echo, options: CallOptions())
            #expect(reply == request)
        }
    }

    @Test("streaming both ways, one message after the other")
    func streaming() async throws {
        try await Rig.run { rig in
            let counted = try await rig.channel.serverStreaming(BytesMessage("1000"), method: TestService.repeated, options: CallOptions())
            {
                (responses: ResponseStream<BytesMessage>) in
                var texts: [String] = []
                for try await response in responses { texts.append(response.text) }
                return texts
            }
            #expect(counted == (0..<1000).map(String.init))
            let sum: BytesMessage = try await rig.channel.clientStreaming(method: TestService.sum, options: CallOptions()) {
                (requests: RequestWriter<BytesMessage>) in
                for size in [27182, 8, 1828, 45904, 0, 1_000_000] {
                    try await requests.write(BytesMessage([UInt8](repeating: 0, count: size)))
                }
            }
            #expect(sum.text == "1074922")
            try await rig.channel.bidirectionalStreaming(method: TestService.chat, options: CallOptions()) {
                (requests: RequestWriter<BytesMessage>, responses: ResponseStream<BytesMessage>) in
                var replies = responses.makeAsyncIterator()
                for text in ["a", "", "ccc"] {
                    try await requests.write(BytesMessage(text))
                    #expect(try await replies.next()?.text == text)
                }
                try await requests.finish()
                #expect(try await replies.next() == nil)
            }
        }
    }

    @Test("a unary call queues nothing on an executor when its handler does not suspend")
    func zeroEnqueues() async throws {
        try await Rig.run { rig in
            for index in 0..<200 { try await rig.expectEcho("\(index)") }
            #expect(rig.server.enqueueCount == 0)
            #expect(rig.server.statistics.calls == 200)
        }
    }

    @Test("a prompt handler replies at once, later, or with an error, and with metadata")
    func promptly() async throws {
        try await Rig.run { rig in
            func call(_ text: String) async throws -> String {
                let reply: BytesMessage = try await rig.channel.unary(
                    BytesMessage(text), method: TestService.prompt, options: CallOptions())
                return reply.text
            }
            let now = try await call("now")
            #expect(now == "now")
            let refused = await #expect(throws: RPCError.self) { try await call("refused") }
            #expect(refused?.code == .notFound && refused?.message == "refused at once")
            async let later = call("later")
            await rig.service.started.reaches(1)
            let meanwhile = try await call("meanwhile")
            #expect(meanwhile == "meanwhile")
            rig.service.gate.open()
            let last = try await later
            #expect(last == "later")
        }
    }

    @Test("metadata goes there and back, bytes too")
    func metadata() async throws {
        try await Rig.run { rig in
            var options = CallOptions()
            try options.metadata.append("one", for: "x-initial")
            try options.metadata.append("two", for: "x-initial")
            try options.metadata.append(binary: [0xAB, 0, 0xFF], for: "x-trailing-bin")
            let seen = Mutex<(Metadata, Metadata)?>(nil)
            options.onResponseMetadata = { initial, trailing in seen.withLock { $0 = (initial, trailing) } }
            _ = try await rig.echo("x", options: options)
            let (initial, trailing) = try #require(seen.withLock { $0 })
            #expect(initial.values(of: "x-initial") == [.ascii("one"), .ascii("two")])
            #expect(trailing[binary: "x-trailing-bin"] == [0xAB, 0, 0xFF])
        }
    }

    @Test("initial metadata that the client cannot take is an error of the call, not of the connection")
    func largeInitialMetadata() async throws {
        let verbose = TestService.method("Verbose", .unary)
        try await Rig.run(router: { router in
            router.register(unary: verbose) { (request: BytesMessage, context) in
                var metadata = Metadata()
                try metadata.append(String(repeating: "v", count: 20_000), for: "x")
                context.setInitialMetadata(metadata)
                return request
            }
        }) { rig in
            #expect(
                await code { let _: BytesMessage = try await rig.channel.unary(BytesMessage(), method: verbose, options: CallOptions()) }
                    == .internal)
            try await rig.expectEcho("on")
        }
    }

    @Test(
        "a status reaches the caller with its text",
        arguments: [
            (5, "nothing here"), (2, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"), (16, ""),
            (9, "a\r\ngrpc-status: 0"),
        ])
    func status(_ number: UInt8, _ text: String) async throws {
        try await Rig.run { rig in
            let error = try #require(
                await failure {
                    let _: BytesMessage = try await rig.channel.unary(
                        BytesMessage("\(number) \(text)"), method: TestService.fail, options: CallOptions())
                })
            #expect(error.code.rawValue == number)
            #expect(error.message == text)
        }
    }

    @Test(
        "details travel while they fit the peer's header list, and are dropped before the message",
        arguments: [(1000, true), (20_000, false)])
    func details(_ count: Int, arrive: Bool) async throws {
        try await Rig.run { rig in
            let error = try #require(
                await failure {
                    let _: BytesMessage = try await rig.channel.unary(
                        BytesMessage("details \(count)"), method: TestService.fail, options: CallOptions())
                })
            #expect(error.code == .aborted)
            #expect(error.message == "with details")
            #expect(error.details.count == (arrive ? count : 0))
        }
    }

    @Test("an error that is no status is UNKNOWN and keeps its text to itself")
    func strayError() async throws {
        try await Rig.run { rig in
            let error = try #require(
                await failure {
                    let _: BytesMessage = try await rig.channel.unary(
                        BytesMessage("stray"), method: TestService.fail, options: CallOptions())
                })
            #expect(error.code == .unknown)
            #expect(!error.message.contains("Stray"))
        }
    }

    @Test("what does not exist is UNIMPLEMENTED")
    func unimplemented() async throws {
        try await Rig.run { rig in
            let method = TestService.method("Nope", .unary)
            #expect(
                await code { let _: BytesMessage = try await rig.channel.unary(BytesMessage(), method: method, options: CallOptions()) }
                    == .unimplemented)
        }
    }

    @Test("messages beyond a limit are RESOURCE_EXHAUSTED, in both directions")
    func sizeLimits() async throws {
        try await Rig.run({ $0.requestSizeMax = 1000 }) { rig in
            try await rig.expectEcho(String(repeating: "x", count: 1000))
            #expect(await code { _ = try await rig.echo(String(repeating: "x", count: 1001)) } == .resourceExhausted)
            try await rig.expectEcho("still here")
        }
        try await Rig.run({ $0.responseSizeMax = 1000 }) { rig in
            #expect(await code { _ = try await rig.echo(String(repeating: "x", count: 1001)) } == .resourceExhausted)
        }
    }

    @Test("a deadline ends the call on both sides")
    func deadline() async throws {
        try await Rig.run { rig in
            // Connected before, so that the time is the call's own.
            try await rig.expectEcho("x")
            // Until the server has seen one: on a busy machine a deadline may come before the call is sent.
            repeat {
                #expect(await code { try await rig.hang(options: CallOptions(timeout: .milliseconds(300))) } == .deadlineExceeded)
            } while rig.service.started.value == 0
            await rig.service.cancelled.reaches(1)
        }
    }

    @Test("cancelling the caller's task cancels the handler")
    func cancellation() async throws {
        try await Rig.run { rig in
            let call = Task { try await rig.hang() }
            await rig.service.started.reaches(1)
            call.cancel()
            await rig.service.cancelled.reaches(1)
            #expect(await code { try await call.value } == .cancelled)
            try await rig.expectEcho("on")
        }
    }

    @Test("leaving a stream's scope cancels what is left of it")
    func leaving() async throws {
        try await Rig.run { rig in
            try await rig.channel.serverStreaming(BytesMessage(), method: TestService.flood, options: CallOptions()) {
                (responses: ResponseStream<BytesMessage>) in
                for try await _ in responses { break }
            }
            await rig.service.cancelled.reaches(1)
        }
    }

    @Test("a handler that ends before its requests ends the call")
    func earlyEnd() async throws {
        try await Rig.run { rig in
            for _ in 0..<50 {
                try await rig.channel.bidirectionalStreaming(method: TestService.leave, options: CallOptions()) {
                    (requests: RequestWriter<BytesMessage>, responses: ResponseStream<BytesMessage>) in
                    try await requests.write(BytesMessage("x"))
                    var replies = responses.makeAsyncIterator()
                    #expect(try await replies.next()?.text == "bye")
                    #expect(try await replies.next() == nil)
                }
            }
            #expect(rig.server.statistics.callsNow == 0)
        }
    }

    @Test("over a socket file as over TCP")
    func unixSocket() async throws {
        let path = "/tmp/novitai-test-\(UInt64.random(in: 0 ... .max)).sock"
        try await Rig.run({ $0.address = .unix(path: path) }) { rig in
            #expect(rig.address == .unix(path: path))
            try await rig.expectEcho("x")
        }
    }

    @Test("an interceptor can refuse a call, and hears how calls end")
    func interceptor() async throws {
        final class Somebody: Sendable {}
        final class Recorder: ServerInterceptor {
            let codes = Mutex<[RPCError.Code]>([])
            let ended = Counter()
            func admit(_ context: ServerContext) throws(RPCError) {
                if context.requestMetadata["token"] != "good" { throw RPCError(code: .unauthenticated, message: "no token") }
                context.principal = Somebody()
            }
            func completed(_ context: ServerContext, _ outcome: CallOutcome) {
                self.codes.withLock { $0.append(outcome.code) }
                self.ended.add()
            }
        }
        let recorder = Recorder()
        try await Rig.run(router: { $0.add(recorder) }) { rig in
            #expect(await code { _ = try await rig.echo("x") } == .unauthenticated)
            var options = CallOptions()
            try options.metadata.append("good", for: "token")
            try await rig.expectEcho("x", options: options)
            options.timeout = .milliseconds(500)
            #expect(await code { try await rig.hang(options: options) } == .deadlineExceeded)
            await recorder.ended.reaches(3)
            // Who keeps time better, the client's reset or the server's own timer, is open.
            let codes = recorder.codes.withLock { $0 }
            #expect(codes.prefix(2) == [.unauthenticated, .ok])
            #expect([.deadlineExceeded, .cancelled].contains(codes[2]))
        }
    }
}
