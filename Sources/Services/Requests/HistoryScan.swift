internal import Fleet

/// Reads a page of what matches from the store, newest first.
struct HistoryScan {
    /// Rows of one read.
    static let readSize = 500
    /// Rows that one call looks at: a filter that hardly matches gives a short page and a token, instead of reading the whole history.
    static let rowsMax = 10_000

    let page: PageRequest
    let tenant: TenantID

    func run<Object>(
        cursor: (Object) -> HistoryCursor, bytes: (Object) -> Int, where matches: (Object) -> Bool,
        read: (HistoryQuery) async throws -> [Object]
    ) async throws -> (objects: [Object], nextPageToken: String) {
        var position = self.page.after.map { HistoryCursor(createdAt: Timestamp(microseconds: $0.number), id: $0.id) }
        var found: [Object] = []
        var total = 0
        var rows = 0
        while rows < Self.rowsMax {
            let objects = try await read(HistoryQuery(tenant: self.tenant, after: position, limit: Self.readSize))
            for object in objects {
                if matches(object) {
                    let isFull = found.count == self.page.size || (total > 0 && total + bytes(object) > PageRequest.bytesMax)
                    if isFull { return (found, self.token(position)) }
                    found.append(object)
                    total += bytes(object)
                }
                position = cursor(object)
            }
            rows += objects.count
            if objects.count < Self.readSize { return (found, "") }
        }
        return (found, self.token(position))
    }

    private func token(_ position: HistoryCursor?) -> String {
        position.map { self.page.token(at: ListPosition(number: $0.createdAt.microseconds, id: $0.id)) } ?? ""
    }
}
