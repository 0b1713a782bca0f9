internal import Fleet
internal import Synchronization

/// Which machines of the account a listing asks for.
enum MachineFilter {
    /// With this status word; nil: all.
    case status(String?)
    /// With this text in their name.
    case name(String)

    var query: [(name: String, value: String)] {
        switch self {
        case .status(let word): word.map { [(name: "status", value: $0)] } ?? []
        case .name(let text): [(name: "name", value: text)]
        }
    }
}

/// Reads whole listings, page by page.
final class MachineLister: Sendable {
    /// More machines than any account has; a provider that sends new ones for ever is not followed.
    private static let pagesMax = 2000

    private let caller: APICaller
    private let clock: any Clock
    private let knowledge = Mutex(PagingKnowledge())

    init(caller: APICaller, clock: any Clock) {
        self.caller = caller
        self.clock = clock
    }

    /// Every page. A listing that lacks more of the provider's own total than may have moved from page to page is made a second time; both
    /// together must reach it, or the second must confirm the first: the total may count what is not shown. The same page may also have got lost
    /// twice, so that what is not here is no proof of anything; see `search`.
    func list(
        _ filter: MachineFilter, call: CloudCall, onPage: @escaping @Sendable (MachineListing) -> Void
    ) async throws(CallFailure) -> MachineListing {
        let begunAt = self.clock.now
        let first = try await self.pass(filter, call: call, onPage: onPage)
        guard first.isShort, !first.isShortByMoves else { return first.listing(begunAt, calls: first.pages) }
        let second = try await self.secondPass(filter, call: call)
        let both = first.merged(with: second)
        guard !both.isShort || Set(first.ids) == Set(second.ids) else { throw .short(both) }
        var listing = both.listing(begunAt, calls: first.pages)
        // What both lack is not shown, and not on its way from page to page.
        listing.isShort = false
        return listing
    }

    /// The machines whose name holds the text. They fit on one page, and a listing that stays short of the provider's own total is
    /// an error, always: nobody shall take a machine for gone because of a lost page. Without a total it is not whole.
    func search(_ text: String, call: CloudCall) async throws(CallFailure) -> MachineListing {
        let begunAt = self.clock.now
        var found = try await self.pass(.name(text), call: call)
        if found.isShort { found = found.merged(with: try await self.secondPass(.name(text), call: call)) }
        guard !found.isShort else { throw .short(found) }
        return found.listing(begunAt, calls: 1)
    }

    private func pass(
        _ filter: MachineFilter, call: CloudCall, onPage: @escaping @Sendable (MachineListing) -> Void = { _ in }
    ) async throws(CallFailure) -> PageCollector {
        var knowledge = self.knowledge.withLock { $0.current(at: self.clock.now) }
        while true {
            do throws(CallFailure) {
                switch try await self.pass(filter, knowledge: knowledge, call: call, onPage: onPage) {
                case .complete(let collector):
                    let size = knowledge.pageSize
                    self.knowledge.withLock { $0.keep(size, at: self.clock.now) }
                    return collector
                case .cut(let granted): _ = knowledge.shrink(to: granted)
                }
            } catch {
                let mayBeAboutSize = error.isReplyTooLarge || error.error.code == .invalidRequest
                guard mayBeAboutSize, knowledge.shrink() else { throw error }
            }
        }
    }

    /// After one that came short.
    private func secondPass(_ filter: MachineFilter, call: CloudCall) async throws(CallFailure) -> PageCollector {
        self.knowledge.withLock { $0.doubtFirstPage() }
        return try await self.pass(filter, call: call)
    }

    private enum Pass {
        case complete(PageCollector)
        /// The provider cuts pages of the size that was asked for to so many machines.
        case cut(to: Int)
    }

    private func pass(
        _ filter: MachineFilter, knowledge: PagingKnowledge, call: CloudCall, onPage: @escaping @Sendable (MachineListing) -> Void
    ) async throws(CallFailure) -> Pass {
        let size = knowledge.pageSize
        var collector = PageCollector()
        var number = knowledge.firstPage ?? 1
        let page0 = knowledge.firstPage == nil ? try await self.pageZero(filter, size: size, call: call) : nil
        if let page0 { collector.add(page0) }
        while true {
            var askedAt = self.clock.now
            var page = try await self.page(number, filter, size: size, call: call)
            let pagesBefore = max(0, number - (knowledge.firstPage ?? 1))
            if PagingKnowledge.isCut(page, pageSize: size, pagesBefore: pagesBefore, collected: collector.count(with: page)) {
                // Asked for once more: one page that came short must not make all later listings slower.
                askedAt = self.clock.now
                page = try await self.page(number, filter, size: size, call: call)
                let isCut = PagingKnowledge.isCut(page, pageSize: size, pagesBefore: pagesBefore, collected: collector.count(with: page))
                if isCut { return .cut(to: page.machines.count) }
            }
            // Page 1 may bring nothing new where page 0 was the same.
            let isProbed = knowledge.firstPage == nil && number == 1
            if isProbed {
                let page1 = page
                self.knowledge.withLock { $0.learn(page0: page0, page1: page1) }
            }
            let hasNews = collector.add(page) || isProbed
            if !hasNews || collector.isComplete(after: page, pageSize: size) { return .complete(collector) }
            onPage(MachineListing(machines: page.machines, begunAt: askedAt, isWhole: false))
            number += 1
            guard number < Self.pagesMax else { throw .malformedReply("the listing has no end") }
        }
    }

    /// Nil where the provider counts from 1 and refuses page 0. A refusal of the size comes up again with page 1.
    private func pageZero(_ filter: MachineFilter, size: Int, call: CloudCall) async throws(CallFailure) -> MachinePage? {
        do throws(CallFailure) {
            return try await self.page(0, filter, size: size, call: call)
        } catch {
            guard error.error.code == .invalidRequest else { throw error }
            return nil
        }
    }

    private func page(_ number: Int, _ filter: MachineFilter, size: Int, call: CloudCall) async throws(CallFailure) -> MachinePage {
        let query = [(name: "pageSize", value: "\(size)"), (name: "pageNum", value: "\(number)")] + filter.query
        let json = try await self.caller.json(.get("/gpu/instances", query: query, responseBytesMax: APIRequest.listBytesMax), call: call)
        guard let items = json.list("instances", "data") else { throw .malformedReply("the reply holds no list of machines") }
        let machines = items.compactMap(Machine.init)
        guard machines.count == items.count else { throw .malformedReply("a listed machine has no id") }
        return MachinePage(machines: machines, total: json["total"].integer)
    }
}

extension PageCollector {
    fileprivate func listing(_ begunAt: Timestamp, calls: Int) -> MachineListing {
        MachineListing(machines: self.machines, begunAt: begunAt, calls: calls, isWhole: self.isWhole, isShort: self.isShort)
    }
}

extension CallFailure {
    fileprivate static func short(_ listing: PageCollector) -> Self {
        .malformedReply("the listing has \(listing.machines.count) machines, the provider says \(listing.total ?? 0)")
    }
}
