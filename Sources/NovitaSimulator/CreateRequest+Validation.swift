extension CreateRequest {
    /// A request that passed the checks, with the API's own corrections applied.
    struct Checked {
        var request: CreateRequest
        var product: Product
        var billingMode: BillingMode
        var ports: [ExposedPort]
    }

    /// Less is raised to this, without a word (GB).
    private static let rootfsSizeMin = 10

    /// Checks what a create must satisfy before stock and money are asked.
    func checked(against catalogue: Catalogue) throws(APIError) -> Checked {
        try self.checkTexts()
        try self.checkLists()
        let product = try self.checkedProduct(in: catalogue)
        var request = self
        // A CPU machine is one unit of its product.
        if product.isCPU { request.gpuCount = 1 }
        request.rootfsSize = try self.checkedRootfsSize(for: product)
        let ports = try self.checkedPorts()
        return Checked(request: request, product: product, billingMode: try self.checkedBillingMode(for: product), ports: ports)
    }

    private func checkTexts() throws(APIError) {
        try FieldRules.check(self.name, "name", length: 0...255)
        try FieldRules.check(self.productID, "productId", length: 1...255)
        try FieldRules.check(self.imageURL, "imageUrl", length: 1...500)
        try FieldRules.check(self.imageAuth, "imageAuth", length: 0...10239)
        try FieldRules.check(self.imageAuthID, "imageAuthId", length: 0...255)
        try FieldRules.check(self.command, "command", length: 0...2047)
        try FieldRules.check(self.entrypoint, "entrypoint", length: 0...2047)
        try FieldRules.check(self.clusterID, "clusterId", length: 0...255)
        try FieldRules.check(self.networkID, "networkId", length: 0...255)
        guard self.kind == "gpu" || self.kind == "cpu" else { throw .invalid("kind", "value must be one of [gpu, cpu]") }
    }

    private func checkLists() throws(APIError) {
        try FieldRules.check(self.environment)
        for tool in self.tools {
            guard tool.name == "Jupyter" else { throw .invalid("tools.name", "value must be one of [Jupyter]") }
            try FieldRules.check(tool.port, port: "tools.port")
        }
    }

    private func checkedProduct(in catalogue: Catalogue) throws(APIError) -> Product {
        guard let product = catalogue.product(self.productID), product.isCPU == (self.kind == "cpu") else { throw .productNotFound }
        guard product.isCPU || (1...8).contains(self.gpuCount) else { throw .invalid("gpuNum", "value must be inside range [1, 8]") }
        guard !self.clusterID.isEmpty else { return product }
        guard catalogue.cluster(self.clusterID) != nil else { throw .invalid("clusterId", "no such cluster") }
        guard product.clusterIDs.contains(self.clusterID) else { throw .invalid("clusterId", "the cluster does not offer this product") }
        return product
    }

    private func checkedRootfsSize(for product: Product) throws(APIError) -> Int {
        guard let asked = self.rootfsSize ?? (product.isCPU ? product.diskPerGPU : nil) else {
            throw .invalid("rootfsSize", "value is required")
        }
        guard asked >= 0 else { throw .invalid("rootfsSize", "value must be greater than or equal to 0") }
        let size = max(asked, Self.rootfsSizeMin)
        guard size <= min(6144, product.maxRootFS) else {
            throw .invalid("rootfsSize", "value must be inside range [10, \(min(6144, product.maxRootFS))]")
        }
        return size
    }

    private func checkedBillingMode(for product: Product) throws(APIError) -> BillingMode {
        guard self.month >= 0 else { throw .invalid("month", "value must be greater than or equal to 0") }
        guard let asked = BillingMode(rawValue: self.billingMode.isEmpty ? "onDemand" : self.billingMode) else {
            throw .invalid("billingMode", "value must be one of [onDemand, monthly, spot]")
        }
        // A number of months decides, whatever the mode says.
        let mode = self.month > 0 ? .monthly : asked
        guard mode != .monthly || self.month > 0 else { throw .invalid("month", "value must be greater than 0 for monthly billing") }
        guard !self.autoRenew || (1...12).contains(self.autoRenewMonth) else {
            throw .invalid("autoRenewMonth", "value must be inside range [1, 12]")
        }
        guard product.price(for: mode) != nil else { throw .unsupportedBillingMode }
        return mode
    }

    private func checkedPorts() throws(APIError) -> [ExposedPort] {
        guard !self.ports.isEmpty else { return [] }
        var ports: [ExposedPort] = []
        for item in self.ports.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, let kind = ExposedPort.Kind(rawValue: String(parts[1])) else {
                throw .invalid("ports", "expected PORT/http or PORT/tcp, got \"\(item)\"")
            }
            ports.append(ExposedPort(number: try FieldRules.check(String(parts[0]), port: "ports"), kind: kind))
        }
        try FieldRules.check(ports, tools: self.tools.count)
        return ports
    }
}
