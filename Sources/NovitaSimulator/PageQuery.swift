/// Which page of a list. Nil and 0 ask for the provider's default size.
package struct PageQuery: Hashable, Sendable {
    package var size: Int?
    package var number: Int?
    /// Some lists count from 1, whatever the others do, and refuse page 0.
    package var isOneBased = false

    package init(size: Int? = nil, number: Int? = nil, isOneBased: Bool = false) {
        self.size = size
        self.number = number
        self.isOneBased = isOneBased
    }

    /// Where the page is in the whole list. A larger page than the largest is cut without a word.
    func range(_ configuration: SimulatorConfiguration) throws(APIError) -> Range<Int> {
        let asked = self.size ?? 0
        let number = self.number ?? 0
        guard asked >= 0 else { throw .invalid("pageSize", "value must be greater than or equal to 0") }
        let least = self.isOneBased && self.number != nil ? 1 : 0
        guard number >= least else { throw .invalid("pageNum", "value must be greater than or equal to \(least)") }
        let size = min(asked == 0 ? configuration.pageSizeDefault : asked, configuration.pageSizeMax)
        let page = configuration.hasZeroBasedPages && !self.isOneBased ? number : max(0, number - 1)
        let (start, overflow) = page.multipliedReportingOverflow(by: size)
        return overflow || start > Int.max - size ? 0..<0 : start..<start + size
    }

    func slice<Item>(_ items: [Item], _ configuration: SimulatorConfiguration) throws(APIError) -> [Item] {
        let range = try self.range(configuration).clamped(to: items.indices)
        return Array(items[range])
    }
}
