internal import Fleet
internal import JSONText

/// A list of things that are few: jobs, templates, volumes. Read whole, page by page from page 1; where the provider counts from 0, page
/// 0 is read as well, as it is another than page 1.
struct PagedList {
    /// What the documentation allows everywhere.
    private static let pageSize = 100
    /// 10,000 things; a provider that sends new ones for ever is not followed.
    private static let pagesMax = 100

    var path: String
    /// Under which the array stands.
    var keys: [String]
    var filter: [(name: String, value: String)] = []
    /// The parameter that names the page.
    var pageParameter = "pageNum"
    /// The member that tells one thing from another.
    var idKey = "id"
    /// Page 0 is refused by the documentation.
    var isOneBased = false

    /// Each once, in the order of the pages.
    func items(of caller: APICaller, call: CloudCall) async throws(CallFailure) -> [JSON] {
        var items: [JSON] = []
        var seen: Set<String> = []
        var total: Int?
        for number in 1...Self.pagesMax {
            let page = try await self.page(number, caller, call)
            let new = page.items.filter { seen.insert($0[self.idKey].string).inserted }
            items += new
            total = page.total
            if new.isEmpty || total.map({ items.count >= $0 }) ?? (page.items.count < Self.pageSize) { break }
        }
        // Only a list that is short of its own total, or empty without one, can lack a page 0.
        guard !self.isOneBased, total.map({ items.count < $0 }) ?? items.isEmpty else { return items }
        return try await self.page(0, caller, call).items.filter { seen.insert($0[self.idKey].string).inserted } + items
    }

    private func page(_ number: Int, _ caller: APICaller, _ call: CloudCall) async throws(CallFailure) -> (items: [JSON], total: Int?) {
        let query = [(name: "pageSize", value: "\(Self.pageSize)"), (name: self.pageParameter, value: "\(number)")] + self.filter
        let json = try await caller.json(.get(self.path, query: query, responseBytesMax: APIRequest.listBytesMax), call: call)
        guard let items = json.list(self.keys) else { throw .malformedReply("the reply of \(self.path) holds no list") }
        return (items, json["total"].integer)
    }
}
