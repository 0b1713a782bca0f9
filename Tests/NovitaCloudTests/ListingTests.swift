import CurlClient
import Fleet
import Synchronization
import Testing

@testable import NovitaCloud

/// A provider's list of machines, with paging as it may be.
private struct PagedFleet: Sendable {
    enum Total: String, CaseIterable { case number, text, absent }

    var count: Int
    var firstPage = 1
    /// Larger pages are cut to this; nil: they are refused.
    var cap: Int? = 100
    /// Counts the offset by the size asked for even where the page is cut.
    var countsByAskedSize = false
    /// Page 0 is an error where pages count from 1; otherwise it is page 1.
    var refusesPageZero = false
    var total = Total.number
    /// What it says to be the count; nil: what it is.
    var statedCount: Int?

    func answer(_ request: HTTPRequest) -> Result<HTTPResponse, HTTPClientError> {
        guard let asked = request.parameter("pageSize").flatMap(Int.init), let number = request.parameter("pageNum").flatMap(Int.init)
        else { return .refusal(400, "VALIDATOR_PARAM") }
        if asked > 100, self.cap == nil { return .refusal(400, "VALIDATOR_PARAM", "pageSize too large") }
        if number < self.firstPage, self.refusesPageZero { return .refusal(400, "VALIDATOR_PARAM", "pageNum too small") }
        let size = min(asked, self.cap ?? 100)
        let start = max(0, number - self.firstPage) * (self.countsByAskedSize ? asked : size)
        let ids = (start..<max(start, min(start + size, self.count)))
        return .reply(200, Self.page(ids.map(Self.id), total: self.total, count: self.statedCount ?? self.count))
    }

    static func id(_ number: Int) -> String { "machine-\(number)" }

    static func page(_ ids: [String], total: Total, count: Int) -> String {
        let items = ids.map { #"{"id": "\#($0)", "status": "running"}"# }.joined(separator: ",")
        switch total {
        case .number: return #"{"instances": [\#(items)], "total": \#(count)}"#
        case .text: return #"{"instances": [\#(items)], "total": "\#(count)"}"#
        case .absent: return #"{"instances": [\#(items)]}"#
        }
    }
}

@Suite("Listing machines")
struct ListingTests {
    private let clock = JumpingClock()

    private func list(_ cloud: NovitaCloud, status: String? = nil) async throws -> [String] {
        try await cloud.machines(status: status, call: .test(.sweep, within: .seconds(3600), of: self.clock)).machines.map(\.id.rawValue)
    }

    @Test(
        "every machine is listed once, however the provider pages",
        arguments: [0, 1, 100, 101, 250, 2100], PagedFleet.variants)
    fileprivate func complete(count: Int, variant: PagedFleet) async throws {
        var fleet = variant
        fleet.count = count
        let served = fleet
        let upstream = FakeUpstream { request, _ in served.answer(request) }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        for _ in 0..<2 {
            let ids = try await self.list(cloud)
            #expect(ids.sorted() == (0..<count).map(PagedFleet.id).sorted())
        }
    }

    @Test("what was learned about paging is not asked again")
    func learned() async throws {
        for (firstPage, pages) in [(0, ["0", "1", "2"]), (1, ["1", "2", "3"])] {
            let fleet = PagedFleet(count: 250, firstPage: firstPage)
            let upstream = FakeUpstream { request, _ in fleet.answer(request) }
            let cloud = NovitaCloud.over(upstream, clock: self.clock)
            _ = try await self.list(cloud)
            let before = upstream.requests.count
            _ = try await self.list(cloud, status: "toStart")
            let later = upstream.requests.dropFirst(before)
            #expect(later.compactMap { $0.parameter("pageNum") } == pages)
            #expect(later.allSatisfy { $0.parameter("pageSize") == "100" && $0.parameter("status") == "toStart" })
        }
    }

    @Test(
        "pages are as large as the provider grants them",
        arguments: [(5000, 3, "1000"), (1000, 3, "1000"), (300, 7, "300"), (100, 21, "100"), (nil, 21, "100")] as [(Int?, Int, String)])
    func granted(cap: Int?, calls: Int, size: String) async throws {
        let fleet = PagedFleet(count: 2090, cap: cap)
        let upstream = FakeUpstream { request, _ in fleet.answer(request) }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        _ = try await self.list(cloud)
        let before = upstream.requests.count
        let listing = try await cloud.machines(status: nil, call: .test(.sweep, within: .seconds(3600), of: self.clock))
        #expect(listing.machines.count == 2090 && listing.calls == calls)
        #expect(upstream.requests.dropFirst(before).compactMap { $0.parameter("pageSize") } == Array(repeating: size, count: calls))
    }

    @Test("each page but the last is told as it comes")
    func told() async throws {
        for (count, expected) in [(90, []), (250, [100, 100])] {
            let fleet = PagedFleet(count: count, firstPage: 1)
            let cloud = NovitaCloud.over(FakeUpstream { request, _ in fleet.answer(request) }, clock: self.clock)
            // What is learned about paging has pages told twice.
            _ = try await self.list(cloud)
            let told = Mutex<[Int]>([])
            let listing = try await cloud.machines(status: nil, call: .test(.sweep, within: .seconds(3600), of: self.clock)) { page in
                told.withLock { $0.append(page.machines.count) }
            }
            #expect(told.withLock { $0 } == expected && listing.machines.count == count)
        }
    }

    @Test("a large page that comes short once leaves later ones as large")
    func shortLargePage() async throws {
        let fleet = PagedFleet(count: 2090, cap: 1000)
        let upstream = FakeUpstream { request, number in
            guard number == 5 else { return fleet.answer(request) }
            return .reply(200, PagedFleet.page((1000..<1500).map(PagedFleet.id), total: .number, count: 2090))
        }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        for _ in 0..<3 { #expect(try await self.list(cloud).count == 2090) }
        #expect(upstream.requests.allSatisfy { $0.parameter("pageSize") == "1000" })
    }

    @Test("a machine that moves from page to page while they are read is listed once, and does not change what was learned")
    func shifting() {
        var knowledge = PagingKnowledge()
        let machines = (0..<200).map { Machine(id: UpstreamID(rawValue: "\($0)"), name: "", status: "running") }
        func page(_ machines: some Sequence<Machine>) -> MachinePage { MachinePage(machines: Array(machines), total: 200) }
        knowledge.learn(page0: page(machines[0..<100]), page1: page([machines[99]]))
        #expect(knowledge.firstPage == 0)
        knowledge.learn(page0: page(machines[0..<100]), page1: page(machines[2..<102]))
        #expect(knowledge.firstPage == 1)
        knowledge.learn(page0: page([]), page1: page([]))
        #expect(knowledge.firstPage == 1)
        knowledge.doubtFirstPage()
        knowledge.learn(page0: nil, page1: MachinePage(machines: machines, total: nil))
        #expect(knowledge.firstPage == nil, "without a total nothing would tell that it is wrong")
    }

    @Test(
        "what was learned wrongly, from a page that got lost, is found out by the next listing that lacks something",
        arguments: [(0, 0), (0, 1), (1, 0), (1, 1)], [50, 250])
    func learnedWrongly(pages: (first: Int, lost: Int), count: Int) async throws {
        let (firstPage, lost) = pages
        let lossy = PagedFleet(count: count, firstPage: firstPage)
        let served = PagedFleet(count: 250, firstPage: firstPage)
        let isLosing = Mutex(true)
        let upstream = FakeUpstream { request, _ in
            guard isLosing.withLock({ $0 }) else { return served.answer(request) }
            let isLost = request.parameter("pageNum") == "\(lost)"
            return isLost ? .reply(200, PagedFleet.page([], total: .number, count: count)) : lossy.answer(request)
        }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        _ = try? await self.list(cloud)
        isLosing.withLock { $0 = false }
        for _ in 0..<3 { #expect(try await self.list(cloud).count == 250) }
        let before = upstream.requests.count
        _ = try await self.list(cloud)
        let asked = upstream.requests.dropFirst(before).compactMap { $0.parameter("pageNum") }
        #expect(asked == (firstPage..<firstPage + 3).map { "\($0)" }, "learned again")
    }

    @Test("a refusal for another reason than the page's size leaves the size, and one for its size is tried again after an hour")
    func otherRefusal() async throws {
        let fleet = PagedFleet(count: 2090, firstPage: 1, cap: 5000)
        let refused = Mutex(Int.max)
        let upstream = FakeUpstream { request, _ in
            let size = request.parameter("pageSize").flatMap(Int.init) ?? 0
            return size > refused.withLock { $0 } ? .refusal(400, "VALIDATOR_PARAM") : fleet.answer(request)
        }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        func sizes() async throws -> Set<String> {
            let before = upstream.requests.count
            _ = try? await self.list(cloud)
            return Set(upstream.requests.dropFirst(before).compactMap { $0.parameter("pageSize") })
        }
        refused.withLock { $0 = 0 }
        _ = try await sizes()
        refused.withLock { $0 = .max }
        #expect(try await sizes() == ["1000"])
        refused.withLock { $0 = 500 }
        #expect(try await sizes() == ["1000", "100"])
        refused.withLock { $0 = .max }
        #expect(try await sizes() == ["100"])
        self.clock.advance(by: .seconds(3600))
        #expect(try await sizes() == ["1000"])
    }

    @Test("a page that comes short once is made up for by a second pass")
    func shortPageOnce() async throws {
        let fleet = PagedFleet(count: 250)
        let upstream = FakeUpstream { request, number in
            guard number == 5 else { return fleet.answer(request) }
            return .reply(200, PagedFleet.page((100..<150).map(PagedFleet.id), total: .number, count: 250))
        }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        for _ in 0..<2 {
            let ids = try await self.list(cloud)
            #expect(ids.count == 250)
        }
    }

    /// Shown are the first so many of a count that is said to be larger, as when one machine is made and another ends between two pages of a list
    /// that shows the newest first.
    @Test(
        "what may have moved from page to page costs no second pass; more does, and a last page that is missing, and whatever one page lacks",
        arguments: [
            (2090, 2089, 22, true), (2090, 2070, 22, true), (2090, 2069, 45, false), (250, 248, 4, true), (250, 247, 9, false),
            (100, 99, 7, false), (90, 89, 7, false), (2015, 2000, 43, false), (202, 201, 4, true), (202, 200, 7, false),
        ])
    func moved(stated: Int, shown: Int, calls: Int, isShort: Bool) async throws {
        let fleet = PagedFleet(count: stated, firstPage: 1)
        let isMoving = Mutex(false)
        let upstream = FakeUpstream { request, _ in
            guard isMoving.withLock({ $0 }) else { return fleet.answer(request) }
            var shorter = fleet
            (shorter.count, shorter.statedCount) = (shown, stated)
            return shorter.answer(request)
        }
        let cloud = NovitaCloud.over(upstream, clock: self.clock)
        _ = try await self.list(cloud)
        isMoving.withLock { $0 = true }
        let before = upstream.requests.count
        let listing = try await cloud.machines(status: nil, call: .test(.sweep, within: .seconds(3600), of: self.clock))
        #expect(listing.machines.count == shown && !listing.isWhole && listing.isShort == isShort)
        #expect(upstream.requests.count - before == calls)
    }

    @Test("where pages are small half of one is less than there are edges, and is made up for all the same")
    func cutSmallPage() async throws {
        let fleet = PagedFleet(count: 2005, firstPage: 1, cap: nil)
        let isLosing = Mutex(false)
        let upstream = FakeUpstream { request, _ in
            guard let size = request.parameter("pageSize").flatMap(Int.init), size <= 10 else {
                return .failed(.responseTooLarge, sent: true)
            }
            let isLost =
                request.parameter("pageNum") == "7"
                && isLosing.withLock { isLosing in
                    defer { isLosing = false }
                    return isLosing
                }
            return isLost ? .reply(200, PagedFleet.page((60..<65).map(PagedFleet.id), total: .number, count: 2005)) : fleet.answer(request)
        }
        let cloud = NovitaCloud.over(upstream, clock: self.clock) { $0.retriesMax = 0 }
        _ = try await self.list(cloud)
        isLosing.withLock { $0 = true }
        #expect(try await self.list(cloud).count == 2005)
    }

    @Test("a listing that stays short is an error as long as its content changes, and believed when it does not")
    func shortAlways() async throws {
        let stable = FakeUpstream(.reply(200, PagedFleet.page(["a", "b"], total: .number, count: 3)))
        let stableCloud = NovitaCloud.over(stable, clock: self.clock)
        #expect(try await self.list(stableCloud) == ["a", "b"])

        let pages = Mutex(0)
        let changing = FakeUpstream { request, _ in
            let number = pages.withLock { pages in
                if request.parameter("pageNum") == "1" { pages += 1 }
                return pages
            }
            return .reply(200, PagedFleet.page(["a", "b\(number)"], total: .number, count: 9))
        }
        let error = await #expect(throws: CloudError.self) { try await self.list(.over(changing, clock: self.clock)) }
        #expect(error?.code == .malformedReply)
    }

    @Test(
        "a listing is whole when every page counts what has come; without a count, or with another, it is no proof of absence",
        arguments: [
            (0, 0, .number, true), (3, 3, .number, true), (3, 3, .text, true), (0, 0, .absent, false), (3, 3, .absent, false),
            (3, 2, .number, false), (150, 150, .number, true), (150, 150, .absent, false),
        ] as [(Int, Int, PagedFleet.Total, Bool)])
    fileprivate func whole(count: Int, stated: Int, total: PagedFleet.Total, isWhole: Bool) async throws {
        let fleet = PagedFleet(count: count, total: total, statedCount: stated)
        let cloud = NovitaCloud.over(FakeUpstream { request, _ in fleet.answer(request) }, clock: self.clock)
        let search = try await cloud.machines(named: "machine", call: .test(.transition, within: .seconds(3600), of: self.clock))
        let listing = try await cloud.machines(status: nil, call: .test(.sweep, within: .seconds(3600), of: self.clock))
        #expect(search.isWhole == isWhole && listing.isWhole == isWhole)
        #expect(search.machines.count == count && listing.machines.count == count)
    }

    @Test("a listing that stays short of the provider's count is believed for what it shows, not for what it does not")
    func shortIsNotWhole() async throws {
        let cloud = NovitaCloud.over(FakeUpstream(.reply(200, PagedFleet.page(["a"], total: .number, count: 2))), clock: self.clock)
        let listing = try await cloud.machines(status: nil, call: .test(.sweep, within: .seconds(3600), of: self.clock))
        #expect(listing.machines.count == 1 && !listing.isWhole)
    }

    @Test("a reply too large to read is asked for in smaller pages")
    func tooLarge() async throws {
        let fleet = PagedFleet(count: 60)
        let upstream = FakeUpstream { request, _ in
            guard let size = request.parameter("pageSize").flatMap(Int.init), size <= 25 else {
                return .failed(.responseTooLarge, sent: true)
            }
            return fleet.answer(request)
        }
        #expect(try await self.list(.over(upstream, clock: self.clock) { $0.retriesMax = 0 }).count == 60)
    }

    @Test(
        "what is not a listing is no empty listing",
        arguments: ["null", "\"\"", #"{"message": "maintenance"}"#, #"{"instances": [{"name": "without id"}], "total": 1}"#, "<html>"])
    func nonsense(_ body: String) async throws {
        await #expect(throws: CloudError.self) { try await self.list(.over(FakeUpstream(.reply(200, body)), clock: self.clock)) }
    }

    @Test("a listing begins when its first page is asked for")
    func begunAt() async throws {
        let fleet = PagedFleet(count: 250)
        let upstream = FakeUpstream { request, _ in
            self.clock.advance(by: .seconds(1))
            return fleet.answer(request)
        }
        let began = self.clock.now
        let listing = try await NovitaCloud.over(upstream, clock: self.clock)
            .machines(status: nil, call: .test(.sweep, within: .seconds(3600), of: self.clock))
        #expect(listing.begunAt == began)
    }
}

extension PagedFleet {
    fileprivate static var variants: [PagedFleet] {
        var variants: [PagedFleet] = []
        for firstPage in [0, 1] {
            for cap in [nil, 100] as [Int?] {
                for total in Total.allCases { variants.append(PagedFleet(count: 0, firstPage: firstPage, cap: cap, total: total)) }
            }
            for cap in [40, 300, 1000, 5000] { variants.append(PagedFleet(count: 0, firstPage: firstPage, cap: cap)) }
        }
        for cap in [nil, 100] as [Int?] { variants.append(PagedFleet(count: 0, cap: cap, refusesPageZero: true)) }
        variants.append(PagedFleet(count: 0, firstPage: 1, cap: 100, countsByAskedSize: true))
        variants.append(PagedFleet(count: 0, firstPage: 0, cap: 100, countsByAskedSize: true))
        return variants
    }
}
