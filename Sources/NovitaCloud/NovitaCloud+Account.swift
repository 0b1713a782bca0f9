package import Fleet
internal import JSONText

// MARK: - The account

extension NovitaCloud {
    package func balance(call: CloudCall) async throws(CloudError) -> MicroUSD {
        do throws(CallFailure) {
            let reply = try await self.caller.json(.get("/billing/balance/detail", family: .open), call: call)
            guard let balance = reply["availableBalance"].billingAmount else { throw .malformedReply("the reply holds no balance") }
            return balance
        } catch {
            throw error.error
        }
    }

    package func bill(
        from start: Timestamp, to end: Timestamp, of id: UpstreamID?, call: CloudCall
    ) async throws(CloudError) -> [BillLine] {
        var query = [
            (name: "cycleType", value: "Day"), (name: "productCategory", value: "gpu"), (name: "startTime", value: start.unixSeconds),
            (name: "endTime", value: end.unixSeconds),
        ]
        if let id { query.append((name: "ownerId", value: id.rawValue)) }
        do throws(CallFailure) {
            let reply = try await self.caller.json(
                .get("/billing/bill/list", family: .open, query: query, responseBytesMax: APIRequest.listBytesMax), call: call)
            guard let lines = reply.list("bills", "data") else { throw .malformedReply("the reply holds no bill") }
            return lines.compactMap(BillLine.init)
        } catch {
            throw error.error
        }
    }
}

extension BillLine {
    /// Nil without an amount.
    fileprivate init?(_ json: JSON) {
        guard let amount = json["payAmount"].billingAmount ?? json["amount"].billingAmount else { return nil }
        let owner = json["ownerID"].string
        self.init(
            machineID: owner.isEmpty ? nil : UpstreamID(rawValue: owner), productName: json["productName"].string,
            start: json["startTime"].timestamp, end: json["endTime"].timestamp, amount: amount)
    }
}

extension Timestamp {
    /// As queries write it.
    var unixSeconds: String { String(self.microseconds / 1_000_000) }
}
