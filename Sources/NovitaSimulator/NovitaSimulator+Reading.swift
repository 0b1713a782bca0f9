extension NovitaSimulator {
    /// What is on offer under the query's billing method. Stock shows as a word only, and is no promise.
    func offers(for query: ProductQuery, isCPU: Bool = false) -> [ProductOffer] {
        let wanted = query.productName.lowercased()
        return self.catalogue.products.compactMap { product in
            guard product.isCPU == isCPU, wanted.isEmpty || product.name.lowercased().contains(wanted),
                product.cpuPerGPU >= query.minCPUPerGPU, product.memoryPerGPU >= query.minMemoryPerGPU,
                product.maxRootFS >= query.minRootFSSize, product.price(for: query.billingMethod) != nil,
                query.clusterID.isEmpty || product.clusterIDs.contains(query.clusterID)
            else { return nil }
            return self.offer(of: product, for: query)
        }
    }

    private func offer(of product: Product, for query: ProductQuery) -> ProductOffer {
        let clusters = query.clusterID.isEmpty ? product.clusterIDs : [query.clusterID]
        let free = clusters.map {
            self.stock[StockPool(clusterID: $0, productID: product.id, isSpot: query.billingMethod == .spot)]
        }
        let inventory: ProductOffer.Inventory =
            switch free.reduce(0, +) {
            case ...0: .none
            case ...4: .low
            case ...64: .normal
            default: .high
            }
        return ProductOffer(
            product: product, isDeployable: free.contains { $0 >= max(1, query.gpuCount) }, inventory: inventory,
            regions: product.clusterIDs.compactMap { self.catalogue.cluster($0)?.name })
    }

    /// Names of the products in each cluster, by cluster id.
    func namesOffered() -> [String: [String]] {
        var names: [String: [String]] = [:]
        for product in self.catalogue.products where !product.isCPU {
            for cluster in product.clusterIDs { names[cluster, default: []].append(product.name) }
        }
        return names
    }

    /// A page of the fleet as it was at `time`, newest first: while a client turns pages, new machines shift the rest.
    func page(for query: InstanceQuery, asOf time: SimulatorTime) throws(APIError) -> InstancePage {
        let range = try PageQuery(size: query.pageSize, number: query.pageNumber).range(self.configuration)
        var page = InstancePage(instances: [], total: 0)
        for index in self.machines.indices.reversed() {
            guard self.matches(index, query, asOf: time) else { continue }
            if range.contains(page.total) {
                page.instances.append(time < self.now ? self.machines[index].observed(at: time) : self.machines[index])
            }
            page.total += 1
        }
        return page
    }

    private func matches(_ index: Int, _ query: InstanceQuery, asOf time: SimulatorTime) -> Bool {
        guard self.machines[index].isVisible(at: time, retention: self.configuration.timings.removedRetention) else { return false }
        if !query.name.isEmpty, !self.machines[index].name.lowercased().contains(query.name.lowercased()) { return false }
        if !query.productName.isEmpty,
            !self.machines[index].product.name.lowercased().contains(query.productName.lowercased())
        {
            return false
        }
        guard !query.status.isEmpty else { return true }
        let status = time < self.now ? self.machines[index].observed(at: time).status : self.machines[index].status
        return status.rawValue == query.status
    }

    /// Where the machine is that an API call names.
    func visibleIndex(of id: String) throws(APIError) -> Int {
        guard (1...255).contains(id.unicodeScalars.count) else {
            throw .invalid("instanceId", "value length must be between 1 and 255 characters, inclusive")
        }
        guard let index = self.machines.index(of: id),
            self.machines[index].isVisible(at: self.now, retention: self.configuration.timings.removedRetention)
        else { throw self.instanceNotFound }
        return index
    }

    var instanceNotFound: APIError {
        APIError(status: self.configuration.notFoundStatus, reason: "RESOURCE_NOT_FOUND", message: "instance not found")
    }

    func balance() -> Balance {
        let rest = self.configuration.initialBalance - self.ledger.total(at: self.now)
        return Balance(available: max(0, rest), cash: max(0, rest), creditLimit: 0, outstanding: max(0, -rest))
    }
}
