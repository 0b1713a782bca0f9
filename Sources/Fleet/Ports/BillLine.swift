/// What the provider charged for one machine in one span of its bill.
package struct BillLine: Sendable, Hashable {
    /// Nil for what is not charged for a machine.
    package var machineID: UpstreamID?
    package var productName: String
    package var start: Timestamp?
    package var end: Timestamp?
    package var amount: MicroUSD

    package init(machineID: UpstreamID?, productName: String, start: Timestamp?, end: Timestamp?, amount: MicroUSD) {
        self.machineID = machineID
        self.productName = productName
        self.start = start
        self.end = end
        self.amount = amount
    }
}
