internal import Fleet
internal import JSONText

extension MachineOrder {
    /// The body of the create call. The ownership token travels twice: in the name and in the environment.
    var json: JSON {
        // A CPU machine is one unit of its product, disk and all.
        let size: [JSON.Member] = [
            .init("gpuNum", .number("\(self.spec.gpuCount)")), .init("rootfsSize", .number("\(self.spec.diskGB)")),
        ]
        var members: [JSON.Member] = [
            .init("name", .string(self.token.text)), .init("productId", .string(self.placement.productID)),
        ]
        members += self.spec.isCPU ? [] : size
        members += [
            .init("imageUrl", .string(self.spec.image)), .init("kind", .string(self.spec.isCPU ? "cpu" : "gpu")),
            .init("billingMode", .string(self.placement.billingMode.rawValue)), .init("envs", self.environment.json(carrying: self.token)),
        ]
        let optional = [
            ("clusterId", self.placement.clusterID), ("imageAuthId", self.spec.registryCredentialID), ("command", self.spec.command),
            ("entrypoint", self.spec.entrypoint), ("minCudaVersion", self.spec.minCUDAVersion), ("ports", self.ports),
            ("networkId", self.spec.networkID ?? ""),
        ]
        members += optional.filter { !$0.1.isEmpty }.map { .init($0.0, .string($0.1)) }
        if let volumes = self.spec.volumes, !volumes.isEmpty {
            let mounts = volumes.map { JSON.object([.init("Id", .string($0.volumeID)), .init("mountPoint", .string($0.mountPath))]) }
            members.append(.init("networkStorages", .array(mounts)))
        }
        return .object(members)
    }

    /// A comma list here, although an array of objects elsewhere in the API.
    private var ports: String {
        self.spec.ports.map { "\($0.port)/\($0.protocol.rawValue)" }.joined(separator: ",")
    }
}

extension InstanceEnvironment {
    /// As the API wants it, with the token that makes the machine recognisable as ours.
    func json(carrying token: OwnershipToken, mark: String = "") -> JSON {
        var values = self.values
        values[OwnershipToken.environmentName] = token.text
        if !mark.isEmpty { values[OwnershipToken.updateEnvironmentName] = mark }
        return .array(
            values.sorted { $0.key < $1.key }.map { .object([.init("key", .string($0.key)), .init("value", .string($0.value))]) })
    }

    var secrets: [String] { Array(self.values.values) }
}
