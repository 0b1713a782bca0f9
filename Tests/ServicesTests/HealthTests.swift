import NovitaiProto
import RPCCore
import Synchronization
import Testing

@testable import Services

private typealias Status = HealthRegistry.Status

@Suite("grpc.health.v1") struct HealthTests {
    private let registry = HealthRegistry(services: ["novitai.v1.InstanceService"])
    private let context = ServerContext(method: GrpcHealthV1.Health.check)

    private func check(_ service: String) async throws -> Status {
        var request = GrpcHealthV1.HealthCheckRequest()
        request.service = service
        return try await HealthService(self.registry).check(request, context: self.context).status
    }

    @Test("a registered service is not served until it is said to be", arguments: ["", "novitai.v1.InstanceService"])
    func check(of service: String) async throws {
        #expect(try await self.check(service) == .notServing)
        self.registry.set(.serving, for: service)
        #expect(try await self.check(service) == .serving)
    }

    @Test("more services than one answer lists are refused")
    func tooMany() async throws {
        let service = HealthService(HealthRegistry(services: (0..<HealthService.listedMax).map { "s\($0)" }))
        let error = await #expect(throws: RPCError.self) { try await service.list(GrpcHealthV1.HealthListRequest(), context: self.context) }
        #expect(try Refusal(#require(error)).reason == "TOO_MANY_SERVICES")
    }

    @Test("names are compared as they are", arguments: ["novitai.v1.instanceservice", "novitai.v1.", "*", "/", " "])
    func unknownService(_ service: String) async throws {
        let error = await #expect(throws: RPCError.self) { _ = try await self.check(service) }
        #expect(error?.code == .notFound)
        #expect(error?.details.isEmpty == false)
    }

    @Test("List gives every service, and the server as a whole")
    func list() async throws {
        self.registry.set(.serving)
        let answer = try await HealthService(self.registry).list(.init(), context: self.context)
        #expect(answer.statuses.mapValues(\.status) == ["": .serving, "novitai.v1.InstanceService": .notServing])
    }

    @Test("List refuses more than a hundred", arguments: [(99, nil), (100, .resourceExhausted)] as [(Int, RPCError.Code?)])
    func longList(of count: Int, _ code: RPCError.Code?) async throws {
        let service = HealthService(HealthRegistry(services: (0..<count).map { "s\($0)" }))
        do throws(any Error) {
            let answer = try await service.list(.init(), context: self.context)
            #expect(code == nil && answer.statuses.count == count + 1)
        } catch let error as RPCError {
            #expect(error.code == code)
        }
    }

    @Test("after the shutdown nothing is served again")
    func shutDown() {
        self.registry.setAll(.serving)
        self.registry.shutDown()
        self.registry.set(.serving)
        self.registry.setAll(.serving)
        self.registry.set(.serving, for: "late")
        #expect(self.registry.statuses == ["": .notServing, "novitai.v1.InstanceService": .notServing])
    }
}

@Suite("grpc.health.v1 Watch") struct HealthWatchTests {
    private let registry = HealthRegistry()

    @Test("a watch tells the status at once, then each change, and nothing for a change that is none")
    func changes() async throws {
        let reader = Reader()
        try await self.watching("", with: reader) {
            #expect(await reader.next() == .notServing)
            self.registry.set(.notServing)
            self.registry.set(.serving, for: "another")
            self.registry.set(.serving)
            #expect(await reader.next() == .serving)
            self.registry.setAll(.notServing)
            #expect(await reader.next() == .notServing)
        }
        #expect(reader.count == 3)
    }

    @Test("a watch ends once it has told of the shutdown, so that it does not hold up the server", arguments: [false, true])
    func shutDown(isServing: Bool) async throws {
        if isServing { self.registry.setAll(.serving) }
        let reader = Reader()
        async let ended = refusal { try await self.watch("", reader) }
        #expect(await reader.next() == (isServing ? .serving : .notServing))
        self.registry.shutDown()
        if isServing { #expect(await reader.next() == .notServing) }
        #expect(try await ended.code == .unavailable)
    }

    @Test("a watch of an unknown service stays open until the service is known")
    func unknownService() async throws {
        let reader = Reader()
        try await self.watching("later", with: reader) {
            #expect(await reader.next() == .serviceUnknown)
            self.registry.set(.serving, for: "later")
            #expect(await reader.next() == .serving)
        }
    }

    @Test("a slow reader is given only the newest")
    func slowReader() async throws {
        let reader = Reader()
        try await self.watching("", with: reader) {
            await reader.untilOffered()
            // The first status is on its way and not taken yet.
            for status in [Status.serving, .notServing, .serving, .unknown] { self.registry.set(status) }
            #expect(await reader.next() == .notServing)
            #expect(await reader.next() == .unknown)
        }
        #expect(reader.count == 2)
    }

    @Test("watches are bounded, and an ended one makes room")
    func bounded() async throws {
        await withThrowingTaskGroup(of: Void.self) { group in
            let readers = (0..<HealthRegistry.watchersMax).map { _ in Reader() }
            for reader in readers { group.addTask { try await self.watch("", reader) } }
            for reader in readers { #expect(await reader.next() == .notServing) }
            let error = await #expect(throws: RPCError.self) { try await self.watch("", Reader()) }
            #expect(error?.code == .resourceExhausted)
            group.cancelAll()
            while let result = await group.nextResult() {
                #expect(throws: CancellationError.self) { try result.get() }
            }
        }
        let reader = Reader()
        try await self.watching("", with: reader) { #expect(await reader.next() == .notServing) }
    }

    private func watch(_ service: String, _ reader: Reader) async throws {
        var request = GrpcHealthV1.HealthCheckRequest()
        request.service = service
        try await HealthService(self.registry).watch(
            request, responses: ResponseWriter(reader), context: ServerContext(method: GrpcHealthV1.Health.watch))
    }

    /// Runs `body` beside a watch, which is cancelled when it is through.
    private func watching(_ service: String, with reader: Reader, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.watch(service, reader) }
            try await body()
            group.cancelAll()
            let result = await group.nextResult()
            #expect(throws: CancellationError.self) { try result?.get() }
        }
    }
}

/// Takes a watch's messages one by one: a message is not through until the test asks for it, as with a full flow-control window.
private final class Reader: MessageSink {
    private struct State {
        var offered: (status: Status, taken: CheckedContinuation<Void, Never>)?
        var wanted: CheckedContinuation<Status, Never>?
        var onOffer: CheckedContinuation<Void, Never>?
        var count = 0
    }
    private let state = Mutex(State())

    /// Messages that were taken.
    var count: Int { self.state.withLock { $0.count } }

    func next() async -> Status {
        await withCheckedContinuation { continuation in
            let offered = self.state.withLock { state in
                state.count += 1
                defer { state.offered = nil }
                if state.offered == nil { state.wanted = continuation }
                return state.offered
            }
            guard let offered else { return }
            continuation.resume(returning: offered.status)
            offered.taken.resume()
        }
    }

    /// Returns once a message waits to be taken.
    func untilOffered() async {
        await withCheckedContinuation { continuation in
            let isOffered = self.state.withLock { state in
                if state.offered == nil { state.onOffer = continuation }
                return state.offered != nil
            }
            if isOffered { continuation.resume() }
        }
    }

    func send(_ message: [UInt8]) async throws(RPCError) {
        let status = try GrpcHealthV1.HealthCheckResponse(decoding: Array(message.dropFirst(MessagePrefix.size))).status
        await withCheckedContinuation { taken in
            let (wanted, onOffer) = self.state.withLock { state in
                defer { (state.wanted, state.onOffer) = (nil, nil) }
                if state.wanted == nil { state.offered = (status, taken) }
                return (state.wanted, state.onOffer)
            }
            onOffer?.resume()
            guard let wanted else { return }
            wanted.resume(returning: status)
            taken.resume()
        }
    }

    func sendHeaders() async throws(RPCError) {}
    func finish() async throws(RPCError) {}
}
