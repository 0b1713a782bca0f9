internal import Fleet

/// What has been learned about the provider's paging, which its documentation leaves open.
struct PagingKnowledge: Sendable, Equatable {
    /// Asked for first; a page of this size keeps a sweep over 10 000 machines short, should the provider allow it.
    private static let pageSizeWished = 1000
    /// The size that is known to be accepted.
    private static let pageSizeUsual = 100
    private static let pageSizeMin = 10
    /// Larger pages are tried again after so long: trying costs a few calls, and small pages cost many in an hour.
    private static let pageSizeKept: Duration = .seconds(3600)

    private(set) var pageSize = Self.pageSizeWished
    /// When the size wished for is tried again; nil while it is asked for.
    private var largerAt: Timestamp?
    /// 0 or 1; nil as long as nothing has been listed that would tell, or what has been learned is in doubt.
    private(set) var firstPage: Int?

    /// What a listing that begins now goes by.
    mutating func current(at now: Timestamp) -> PagingKnowledge {
        if let largerAt = self.largerAt, largerAt <= now { (self.pageSize, self.largerAt) = (Self.pageSizeWished, nil) }
        return self
    }

    /// Whether the page has fewer machines than asked for although more come behind it: the provider cuts pages without a word. Whether it
    /// then counts by the size asked for or by its own nobody knows, so that only a size that it grants is safe.
    ///
    /// - Parameters:
    ///   - pagesBefore: at least so many; fewer than there were only makes a last page look cut.
    ///   - collected: machines seen so far, with those of this page.
    static func isCut(_ page: MachinePage, pageSize: Int, pagesBefore: Int, collected: Int) -> Bool {
        guard pageSize > Self.pageSizeUsual, page.machines.count < pageSize else { return false }
        return page.total.map { $0 > collected && $0 > pagesBefore * pageSize + page.machines.count } ?? true
    }

    /// A page was refused, cut, or too large to read: smaller ones for the rest of this listing. False when there is none.
    ///
    /// - Parameter granted: machines on the page that was cut, which is what the provider grants; nil when it granted none.
    mutating func shrink(to granted: Int? = nil) -> Bool {
        guard self.pageSize > Self.pageSizeMin else { return false }
        let isLarge = self.pageSize > Self.pageSizeUsual
        self.pageSize = isLarge ? max(Self.pageSizeUsual, granted ?? 0) : max(Self.pageSizeMin, self.pageSize / 2)
        return true
    }

    /// A listing has come through with pages of this size. Where larger ones had been refused it is certain only now that it was for
    /// their size.
    mutating func keep(_ size: Int, at now: Timestamp) {
        guard size < self.pageSize else { return }
        (self.pageSize, self.largerAt) = (size, now + Self.pageSizeKept)
    }

    /// Learns from pages 0 and 1 of the same list; page 0 is nil where it was refused. Machines may come and go in between, so that a few
    /// differences, or a machine that moved from one page to the other, prove nothing. What is learned may be wrong all the same, after a
    /// page that got lost: it is only gone by where a total tells when a listing lacks a page; see `doubtFirstPage`.
    mutating func learn(page0: MachinePage?, page1: MachinePage) {
        let (ids0, ids1) = (Set(page0?.machines.map(\.id) ?? []), Set(page1.machines.map(\.id)))
        guard page1.total != nil, !ids0.isEmpty || !ids1.isEmpty else { return }
        let isSamePage = ids0.isEmpty || ids0.intersection(ids1).count * 2 >= max(ids0.count, ids1.count)
        self.firstPage = isSamePage ? 1 : 0
    }

    /// A listing came short of the provider's own total: it may have begun at the wrong page. The next one finds out again.
    mutating func doubtFirstPage() { self.firstPage = nil }
}

struct MachinePage: Sendable {
    var machines: [Machine]
    /// How many machines the provider says there are in all pages; not always stated.
    var total: Int?
}

/// Collects the pages of one listing. A pure value.
struct PageCollector {
    private static let machinesForOneMove = 100

    private(set) var machines: [Machine] = []
    /// Pages taken in.
    private(set) var pages = 0
    /// Those that brought a machine that was not known.
    private var pagesWithNews = 0
    /// Machines on the newest of them, and on the one that had most.
    private var (lastNews, largestPage) = (0, 0)
    private var known: Set<UpstreamID> = []
    /// What the pages have stated; nil for one that stated nothing.
    private var totals: Set<Int?> = []

    /// Takes a page in. - Returns: whether it brought a machine that was not known.
    @discardableResult
    mutating func add(_ page: MachinePage) -> Bool {
        let before = self.machines.count
        self.pages += 1
        for machine in page.machines where self.known.insert(machine.id).inserted { self.machines.append(machine) }
        self.totals.insert(page.total)
        let hasNews = self.machines.count > before
        if hasNews {
            self.pagesWithNews += 1
            self.lastNews = page.machines.count
            self.largestPage = max(self.largestPage, self.lastNews)
        }
        return hasNews
    }

    /// Machines that are known once the page has been taken in.
    func count(with page: MachinePage) -> Int {
        self.machines.count + page.machines.count { !self.known.contains($0.id) }
    }

    /// Nothing can come after this page: it was not full, and everything that the provider counts has been seen.
    func isComplete(after page: MachinePage, pageSize: Int) -> Bool {
        page.machines.count < pageSize && page.total.map { self.machines.count >= $0 } ?? false
    }

    /// The smallest total that a page has stated; machines may be deleted meanwhile.
    var total: Int? { self.totals.compactMap(\.self).min() }

    /// Each page has stated as the total what has come.
    var isWhole: Bool { self.totals == [self.machines.count] }

    /// Fewer than the provider says that there are.
    var isShort: Bool { self.total.map { self.machines.count < $0 } ?? false }

    /// What is missing may have moved over the edge of a page, to where had been read before, while other machines came and went: of a hundred
    /// machines one at most, and one at each edge. Pages that got lost lack more, or half a page, or the last one, which is seldom full.
    var isShortByMoves: Bool {
        guard let total, self.lastNews < self.largestPage else { return false }
        let missing = total - self.machines.count
        return missing <= min(total / Self.machinesForOneMove, self.pagesWithNews - 1) && missing * 2 < self.largestPage
    }

    var ids: [UpstreamID] { self.machines.map(\.id) }

    /// With what another pass over the same list has found. What it saw again is told as it saw it.
    func merged(with later: PageCollector) -> PageCollector {
        var merged = later
        for machine in self.machines where merged.known.insert(machine.id).inserted { merged.machines.append(machine) }
        return merged
    }
}
