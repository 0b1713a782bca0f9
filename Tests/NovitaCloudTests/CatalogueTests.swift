import CurlClient
import Fleet
import Synchronization
import TestSupport
import Testing

@testable import NovitaCloud

@Suite("The catalogue")
struct CatalogueTests {
    private static let onDemand = """
        {"data": [
          {"id": "4090", "name": "RTX 4090 24GB", "cpuPerGpu": 16, "memoryPerGpu": "62", "availableDeploy": true, "inventoryState": "normal",
           "minRootFS": 10, "maxRootFS": "1800", "regions": ["US-CA-06 (California)", "CN-HK-01", "XX-01 (Nowhere)"], "price": "35000",
           "spotPrice": "18000", "billingMethods": ["onDemand", "monthly", "spot"]},
          {"id": "L40S", "name": "L40S 48GB", "availableDeploy": true, "regions": [], "price": 67000, "spotPrice": "0"},
          {"id": "H100", "name": "H100", "availableDeploy": false, "regions": null, "price": "200000", "billingMethods": ["onDemand", "spot"]},
          {"id": "old", "name": "old", "availableDeploy": false, "price": "1000"},
          {"name": "without id"}]}
        """
    private static let spot = """
        {"data": [
          {"id": "4090", "name": "RTX 4090 24GB", "availableDeploy": false, "price": "35000", "spotPrice": "18000"},
          {"id": "H100", "name": "H100", "availableDeploy": true, "inventoryState": "low", "spotPrice": "90000", "billingMethods": ["onDemand", "spot"]},
          {"id": "A6000", "name": "A6000", "availableDeploy": true, "spotPrice": 20000.55}]}
        """

    private static let cpus = """
        {"data": [
          {"id": "cpu.8c16g", "name": "CPU 8 vCPU 16GB", "cpuNum": 8, "memorySize": "16", "rootfsSize": 60, "availableDeploy": true,
           "price": "9000"},
          {"id": "cpu.2c4g", "name": "CPU 2 vCPU 4GB", "cpuNum": "2", "memorySize": 4, "rootfsSize": "30", "availableDeploy": false, "price": 0},
          {"name": "without id"}]}
        """

    private static func answer(_ request: HTTPRequest) -> Result<HTTPResponse, HTTPClientError> {
        if request.url.contains("/cpu/products") { return .reply(200, Self.cpus) }
        if request.url.contains("/clusters") { return .reply(200, Fixtures.clusters) }
        return .reply(200, request.parameter("billingMethod") == "spot" ? Self.spot : Self.onDemand)
    }

    private let clock = JumpingClock()

    @Test("products of all billing modes are brought together, with the price of each mode that can be had")
    func merge() async throws {
        let upstream = FakeUpstream { request, _ in Self.answer(request) }
        var catalogue = try await NovitaCloud.over(upstream, clock: self.clock).catalogue(call: .test(of: self.clock))
        catalogue.products.removeAll(where: \.isCPU)
        #expect(catalogue.clusters.map(\.id) == ["us-ca-6", "cn-hongkong-1"])
        #expect(catalogue.clusters.map(\.productNames) == [["RTX 4090 24GB"], ["L40S 48GB"]])
        #expect(catalogue.products.map(\.id) == ["4090", "L40S", "H100", "old", "A6000"])
        let prices = catalogue.products.map { [$0.onDemandPrice?.micros, $0.spotPrice?.micros] }
        #expect(prices == [[350_000, nil], [670_000, nil], [nil, 900_000], [10_000, nil], [nil, 200_005]])
        let soldOut = catalogue.products.map { $0.soldOutPrices.mapValues(\.micros) }
        #expect(soldOut == [[.spot: 180_000], [:], [.onDemand: 2_000_000], [:], [:]])
        #expect(catalogue.products.map(\.isAvailable) == [true, true, true, false, true])
        #expect(catalogue.products.map(\.clusterIDs) == [["us-ca-6", "cn-hongkong-1", "XX-01 (Nowhere)"], [], [], [], []])
        #expect(catalogue.products.map(\.stock) == ["normal", "", "low", "", ""])
        let first = try #require(catalogue.products.first)
        #expect([first.cpuCount, first.memoryGB, first.minDiskGB, first.maxDiskGB] == [16, 62, 10, 1800])
    }

    @Test("a catalogue is kept for its time to live", arguments: [(299, 4), (300, 8)])
    func timeToLive(age: Int, requests: Int) async throws {
        let upstream = FakeUpstream { request, _ in Self.answer(request) }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        let first = try await cloud.catalogue(call: .test(of: self.clock))
        self.clock.advance(by: .seconds(age))
        let second = try await cloud.catalogue(call: .test(of: self.clock))
        #expect(upstream.requests.count == requests)
        #expect((first.fetchedAt == second.fetchedAt) == (requests == 4))
    }

    @Test("what was read before the given time is read anew, once for all who want it", arguments: [(-9, 4), (0, 4), (1, 8), (60, 8)])
    func since(offset: Int, requests: Int) async throws {
        let upstream = FakeUpstream { request, _ in Self.answer(request) }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        _ = try await cloud.catalogue(call: .test(of: self.clock))
        let read = self.clock.now
        self.clock.advance(by: .seconds(60))
        for _ in 0..<3 {
            _ = try await cloud.catalogue(since: read + .seconds(offset), call: .test(of: self.clock))
        }
        #expect(upstream.requests.count == requests)
    }

    @Test("With the smallest call budget a reading that goes before the sweeps is through within a round of those in line")
    func smallestBudget() async throws {
        let upstream = FakeUpstream { request, _ in Self.answer(request) }
        let cloud = NovitaCloud.over(upstream, clock: self.clock) { $0.requestsPerMinute = 10 }
        for _ in 0..<3 {
            let call = CloudCall.test(.transition, within: StepLimits.capacityInterval, of: self.clock)
            #expect(try await cloud.catalogue(since: self.clock.now, call: call).products.count == 7)
        }
        #expect(upstream.requests.count == 12)
    }

    @Test("What no GPU costs is no price", arguments: [("10000000000", 100_000_000_000), ("10000000001", nil)] as [(String, Int64?)])
    func incredible(price: String, micros: Int64?) async throws {
        let upstream = FakeUpstream { request, _ in
            request.url.contains("/clusters")
                ? .reply(200, Fixtures.clusters)
                : .reply(200, #"{"data": [{"id": "a", "name": "a", "availableDeploy": true, "price": "\#(price)"}]}"#)
        }
        let catalogue = try await NovitaCloud.over(upstream, clock: self.clock).catalogue(call: .test(of: self.clock))
        #expect(catalogue.products.first?.onDemandPrice?.micros == micros)
    }

    @Test("clearing makes the next call ask again")
    func clear() async throws {
        let upstream = FakeUpstream { request, _ in Self.answer(request) }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        _ = try await cloud.catalogue(call: .test(of: self.clock))
        cloud.clearCache(.catalogue)
        _ = try await cloud.catalogue(call: .test(of: self.clock))
        #expect(upstream.requests.count == 8)
    }

    @Test("CPU products come after the others, in both number styles: sold as a whole, on demand, and anywhere")
    func cpuProducts() async throws {
        let upstream = FakeUpstream { request, _ in Self.answer(request) }
        let catalogue = try await NovitaCloud.over(upstream, clock: self.clock).catalogue(call: .test(of: self.clock))
        let cpus = catalogue.products.filter(\.isCPU)
        #expect(cpus.map(\.id) == ["cpu.8c16g", "cpu.2c4g"] && cpus == Array(catalogue.products.suffix(2)))
        #expect(cpus.map(\.cpuCount) == [8, 2] && cpus.map(\.memoryGB) == [16, 4] && cpus.map(\.maxDiskGB) == [60, 30])
        #expect(cpus.map(\.onDemandPrice?.micros) == [90_000, nil] && cpus.allSatisfy { $0.spotPrice == nil && $0.clusterIDs.isEmpty })
        #expect(cpus.map(\.isAvailable) == [true, false])
    }

    @Test(
        "an account that may not have CPU machines has the others; one that cannot be read now has nothing",
        arguments: [(403, 5), (404, 5), (500, nil)] as [(Int, Int?)])
    func withoutCPUs(status: Int, count: Int?) async throws {
        let upstream = FakeUpstream { request, _ in
            request.url.contains("/cpu/products") ? .refusal(status, "NO") : Self.answer(request)
        }
        let catalogue = try? await NovitaCloud.over(upstream, clock: self.clock).catalogue(call: .test(of: self.clock))
        #expect(catalogue?.products.count == count)
    }

    @Test("a failed fetch is not kept")
    func failure() async throws {
        let upstream = FakeUpstream { request, number in number == 0 ? .refusal(403, "FORBIDDEN") : Self.answer(request) }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        await #expect(throws: CloudError.self) { try await cloud.catalogue(call: .test(of: self.clock)) }
        let catalogue = try await cloud.catalogue(call: .test(of: self.clock))
        #expect(catalogue.products.count == 7)
    }
}

@Suite("Coalescing")
struct FetchCacheTests {
    private static func catalogue(_ second: Int64) -> Catalogue {
        Catalogue(products: [], clusters: [], fetchedAt: Timestamp(seconds: second))
    }

    /// A fetch that is under way until told to end.
    private final class Fetch: Sendable {
        private let started = AsyncStream<Void>.makeStream()
        private let gate = Waiters<Same>(limit: 100)
        private let state = Mutex((count: 0, isOpen: false))

        var count: Int { self.state.withLock { $0.count } }

        func callAsFunction(_ result: Result<Catalogue, CallFailure>) async throws(CallFailure) -> Catalogue {
            self.state.withLock { $0.count += 1 }
            self.started.continuation.yield()
            _ = await self.gate.wait(unless: { self.state.withLock { $0.isOpen } })
            if Task.isCancelled { throw .notAttempted("cancelled") }
            return try result.get()
        }

        func hasStarted() async { for await _ in self.started.stream { return } }

        func end() {
            self.state.withLock { $0.isOpen = true }
            self.gate.wakeAll()
        }
    }

    private let clock = StandingClock()
    private let deadline = Timestamp(seconds: 1_767_225_700)
    private let cache: FetchCache<Catalogue>
    private let fetch = Fetch()

    init() {
        self.cache = FetchCache(of: "catalogue", timeToLive: .zero, clock: self.clock, waitingMax: 10)
    }

    private func get(_ result: Result<Catalogue, CallFailure>) async -> Result<Catalogue, CallFailure> {
        do throws(CallFailure) {
            return .success(
                try await self.cache.value(deadline: self.deadline) { () async throws(CallFailure) in try await self.fetch(result) }.value)
        } catch {
            return .failure(error)
        }
    }

    /// Waits until so many wait for the one who fetches.
    private func waiting(_ count: Int) async throws {
        try await eventually("\(count) wait") { self.cache.waitingCount >= count }
    }

    @Test("many who ask at once share one fetch, even when nothing is kept")
    func shared() async throws {
        try await withThrowingTaskGroup(of: Result<Catalogue, CallFailure>.self) { group in
            for _ in 0..<5 { group.addTask { await self.get(.success(Self.catalogue(1))) } }
            try await self.waiting(4)
            self.fetch.end()
            for try await result in group { #expect((try? result.get()) == Self.catalogue(1)) }
        }
        #expect(self.fetch.count == 1)
    }

    @Test("who comes after what is known was made void is not told what was asked for before")
    func clearedMeanwhile() async throws {
        try await withThrowingTaskGroup(of: Result<Catalogue, CallFailure>.self) { group in
            group.addTask { await self.get(.success(Self.catalogue(1))) }
            await self.fetch.hasStarted()
            self.cache.clear()
            group.addTask { await self.get(.success(Self.catalogue(2))) }
            try await self.waiting(1)
            self.fetch.end()
            var seen: [Catalogue] = []
            for try await result in group { seen.append(try result.get()) }
            #expect(seen == [Self.catalogue(1), Self.catalogue(2)])
        }
        #expect(self.fetch.count == 2)
    }

    @Test("a failure is shared too")
    func failure() async throws {
        try await withThrowingTaskGroup(of: Result<Catalogue, CallFailure>.self) { group in
            for _ in 0..<3 { group.addTask { await self.get(.failure(CallFailure(.money, "no", mayHaveBeenProcessed: false))) } }
            try await self.waiting(2)
            self.fetch.end()
            for try await result in group { #expect(throws: CallFailure.self) { try result.get() } }
        }
        #expect(self.fetch.count == 1)
    }

    @Test("when the one who fetches is cancelled, another fetches for those who wait")
    func leaderCancelled() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await withThrowingTaskGroup(of: Result<Catalogue, CallFailure>.self) { leader in
                    leader.addTask { await self.get(.success(Self.catalogue(1))) }
                    try await self.waiting(2)
                    leader.cancelAll()
                    for try await result in leader { #expect(throws: CallFailure.self) { try result.get() } }
                }
            }
            await self.fetch.hasStarted()
            for _ in 0..<2 {
                group.addTask {
                    let result = await self.get(.success(Self.catalogue(2)))
                    #expect((try? result.get()) == Self.catalogue(2))
                }
            }
            await self.fetch.hasStarted()
            self.fetch.end()
            try await group.waitForAll()
        }
        #expect(self.fetch.count == 2)
    }

    @Test("when one who waits is cancelled, it leaves at once and the others get theirs")
    func followerCancelled() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let result = await self.get(.success(Self.catalogue(1)))
                #expect((try? result.get()) == Self.catalogue(1))
            }
            await self.fetch.hasStarted()
            try await withThrowingTaskGroup(of: Result<Catalogue, CallFailure>.self) { follower in
                follower.addTask { await self.get(.success(Self.catalogue(2))) }
                try await self.waiting(1)
                follower.cancelAll()
                for try await result in follower { #expect(throws: CallFailure.self) { try result.get() } }
            }
            self.fetch.end()
        }
        #expect(self.fetch.count == 1)
    }
}
