internal import Access
internal import Fleet
internal import NovitaiProto
internal import ProtobufWire
internal import RPCCore

/// A spec that names a template, requirements, volumes or a network says what it means only together with what the provider has. It is
/// resolved once, when the request is accepted: from then on the instance has a spec of its own.
struct SpecResolution {
    let backend: Backend
    let context: ServerContext

    static func isNeeded(for spec: NovitaiV1.InstanceSpec?) -> Bool {
        spec.map { !$0.templateId.isEmpty || $0.requirements != nil || !$0.volumes.isEmpty || !$0.networkId.isEmpty } ?? false
    }

    /// - Throws: `invalidArgument`, `NOT_PERMITTED`, and what the provider's answers throw.
    func resolved(_ spec: NovitaiV1.InstanceSpec) async throws -> NovitaiV1.InstanceSpec {
        var spec = spec
        if !spec.templateId.isEmpty { try await self.takeTemplate(into: &spec) }
        if let requirements = spec.requirements { try await self.takeProducts(meeting: requirements, into: &spec) }
        if !spec.volumes.isEmpty || !spec.networkId.isEmpty { try await self.takeRegion(into: &spec) }
        (spec.templateId, spec.requirements) = ("", nil)
        return spec
    }

    private func takeTemplate(into spec: inout NovitaiV1.InstanceSpec) async throws {
        let id = TemplateID(rawValue: spec.templateId)
        guard let template = try await self.backend.cloud.template(id, call: self.backend.cloudCall(self.context))?.content else {
            throw FleetError.invalid([FieldViolation("spec.template_id", "there is no template \(spec.templateId)")])
        }
        // A credential belongs to its image.
        if spec.image.isEmpty {
            spec.image = template.image
            if spec.registryCredentialId.isEmpty { spec.registryCredentialId = template.registryCredentialID }
        }
        if spec.command.isEmpty { spec.command = template.command }
        // A CPU machine has neither a disk to choose nor CUDA.
        if spec.gpuCount > 0 {
            if spec.diskGb == 0 { spec.diskGb = UInt32(clamping: template.diskGB) }
            if spec.minCudaVersion.isEmpty { spec.minCudaVersion = template.minCUDAVersion }
        }
        if spec.ports.isEmpty { spec.ports = template.ports.map { NovitaiV1.PortSpec($0) } }
        spec.environment = template.environment.values.merging(spec.environment) { _, own in own }
    }

    private func takeProducts(meeting message: NovitaiV1.ProductRequirements, into spec: inout NovitaiV1.InstanceSpec) async throws {
        guard spec.products.isEmpty else {
            throw FleetError.invalid([FieldViolation("spec.requirements", "stands instead of products, not beside them")])
        }
        let isCPU = spec.kind == .cpu
        // What was left out must not be taken for a wish.
        guard isCPU || spec.gpuCount > 0 else {
            throw FleetError.invalid([FieldViolation("spec.gpu_count", "must be 1 to 8, or spec.kind be CPU")])
        }
        let requirements = ProductRequirements(
            vramGB: Int(message.minVramGb), cpuCount: Int(message.minCpuCount), memoryGB: Int(message.minMemoryGb))
        let catalogue = try await self.backend.cloud.catalogue(call: self.backend.cloudCall(self.context))
        spec.products = catalogue.products(meeting: requirements, billedAs: spec.billingMode == .spot ? .spot : .onDemand, isCPU: isCPU)
        guard !spec.products.isEmpty else {
            throw FleetError.invalid([FieldViolation("spec.requirements", "no product on offer has so much")])
        }
    }

    private func places(
        of spec: NovitaiV1.InstanceSpec, isFresh: Bool
    ) async throws -> (clusters: Set<String>, violations: [FieldViolation]) {
        let call = self.backend.cloudCall(self.context)
        var violations: [FieldViolation] = []
        var clusters: Set<String> = []
        let volumes = spec.volumes.isEmpty ? [] : try await self.backend.cloud.networkVolumes(isFresh: isFresh, call: call).value
        for (position, mount) in spec.volumes.prefix(SpecRules.volumesMax).enumerated() {
            if let volume = volumes.first(where: { $0.id.rawValue == mount.volumeId }) {
                clusters.insert(volume.content.clusterID)
            } else {
                violations.append(FieldViolation("spec.volumes[\(position)].volume_id", "there is no volume \(mount.volumeId)"))
            }
        }
        guard !spec.networkId.isEmpty else { return (clusters, violations) }
        let networks = try await self.backend.cloud.networks(isFresh: isFresh, call: call).value
        if let network = networks.first(where: { $0.id.rawValue == spec.networkId }) {
            clusters.insert(network.content.clusterID)
        } else {
            violations.append(FieldViolation("spec.network_id", "there is no network \(spec.networkId)"))
        }
        return (clusters, violations)
    }

    /// Volumes and networks are of one region each, and so is the machine that has them.
    private func takeRegion(into spec: inout NovitaiV1.InstanceSpec) async throws {
        guard try self.backend.caller(of: self.context).role >= .admin else { throw ErrorDetails(.notPermitted(needed: .admin)).error }
        var places = try await self.places(of: spec, isFresh: false)
        // What was made a moment ago is not in a list that is kept.
        if !places.violations.isEmpty { places = try await self.places(of: spec, isFresh: true) }
        guard places.violations.isEmpty else { throw FleetError.invalid(places.violations) }
        guard let cluster = places.clusters.first, places.clusters.count == 1 else {
            throw FleetError.invalid([FieldViolation("spec.volumes", "they and the network must be of one region")])
        }
        let catalogue = try await self.backend.cloud.catalogue(call: self.backend.cloudCall(self.context))
        let planner = Planner(catalogue: catalogue, cooldowns: self.backend.cooldowns, defaultRegion: nil)
        guard spec.regions.isEmpty || spec.regions.contains(where: { planner.cluster($0)?.id == cluster }) else {
            throw FleetError.invalid([FieldViolation("spec.regions", "must hold \(cluster), where the volumes and the network are")])
        }
        spec.regions = [cluster]
    }
}

extension InstanceHandlers {
    /// The spec of a request, with what it names.
    func requestedSpec(_ message: NovitaiV1.InstanceSpec?, context: ServerContext) async throws -> RequestedSpec {
        guard let message, SpecResolution.isNeeded(for: message) else { return RequestedSpec(message) }
        return RequestedSpec(try await SpecResolution(backend: self.backend, context: context).resolved(message))
    }
}
