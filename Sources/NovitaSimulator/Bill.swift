/// The parameters of the list of bills. Zero and empty mean "any".
package struct BillQuery: Hashable, Sendable {
    /// Unix seconds.
    package var startTime: Int64 = 0
    package var endTime: Int64 = 0
    /// A machine's id.
    package var ownerID = ""

    package init() {}
}

/// What one machine has cost over its time.
package struct BillLine: Hashable, Sendable {
    package var ownerID: String
    package var productName: String
    package var start: SimulatorTime
    package var end: SimulatorTime
    /// Micro-USD.
    package var amount: Int64
}

extension NovitaSimulator {
    /// One line for each machine that was there in the span, for its whole time.
    func bills(_ query: BillQuery) -> [BillLine] {
        self.ledger.entries(at: self.now).filter { entry in
            let end = (entry.released ?? self.now).unixSeconds
            return (query.ownerID.isEmpty || query.ownerID == entry.id) && entry.amount > 0 && end >= query.startTime
                && (query.endTime == 0 || entry.created.unixSeconds <= query.endTime)
        }.map { entry in
            BillLine(
                ownerID: entry.id, productName: self.catalogue.product(entry.productID)?.name ?? entry.productID, start: entry.created,
                end: entry.released ?? self.now, amount: entry.amount)
        }
    }
}
