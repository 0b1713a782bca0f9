internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension NovitaiV1.Template {
    /// Without the values of its environment.
    init(_ template: Template) {
        self.init()
        let content = template.content
        self.id = template.id.rawValue
        self.name = content.name
        self.readme = content.readme
        self.image = content.image
        self.registryCredentialId = content.registryCredentialID
        self.command = content.command
        self.diskGb = UInt32(clamping: content.diskGB)
        self.ports = content.ports.map { NovitaiV1.PortSpec($0) }
        self.environmentNames = content.environment.values.keys.sorted()
        self.minCudaVersion = content.minCUDAVersion
        self.channel = template.channel
        self.createTime = template.createdAt.map { GoogleProtobuf.Timestamp($0) }
    }
}

extension TemplateDraft {
    /// As it came in a request, with what could not be taken over as it stands. Ports in the provider's order: HTTP first.
    static func read(_ request: NovitaiV1.CreateTemplateRequest) -> (TemplateDraft, [FieldViolation]) {
        var spec = NovitaiV1.InstanceSpec()
        // What it says of a disk and of CUDA is for machines with GPUs.
        spec.gpuCount = 1
        spec.image = request.image
        spec.command = request.command
        spec.registryCredentialId = request.registryCredentialId
        spec.diskGb = request.diskGb
        spec.ports = request.ports
        spec.environment = request.environment
        spec.minCudaVersion = request.minCudaVersion
        let wanted = RequestedSpec(spec)
        let ports = wanted.spec.ports
        let draft = TemplateDraft(
            name: request.name, readme: request.readme, image: wanted.spec.image,
            registryCredentialID: wanted.spec.registryCredentialID, command: wanted.spec.command, diskGB: wanted.spec.diskGB,
            ports: ports.filter { $0.protocol == .http } + ports.filter { $0.protocol == .tcp }, environment: wanted.environment,
            minCUDAVersion: wanted.spec.minCUDAVersion)
        return (draft, wanted.violations.filter { !$0.field.hasPrefix("spec.gpu") })
    }
}

/// What a call changes of a template. Nil stays as it is.
struct TemplateUpdate {
    private var given: NovitaiV1.UpdateTemplateRequest
    /// Of what is given; the rest means nothing.
    private var draft: TemplateDraft

    /// As it came in a request, with what could not be taken over as it stands and what breaks the rules of a template.
    static func read(_ request: NovitaiV1.UpdateTemplateRequest) -> (TemplateUpdate, [FieldViolation]) {
        var whole = NovitaiV1.CreateTemplateRequest()
        // What is not given breaks no rule, whatever stands at the provider.
        whole.name = request.name.isEmpty ? "any" : request.name
        whole.image = request.image.isEmpty ? "any" : request.image
        whole.readme = request.readme ?? ""
        whole.registryCredentialId = request.registryCredentialId ?? ""
        whole.command = request.command ?? ""
        whole.diskGb = request.diskGb
        whole.ports = request.ports?.ports ?? []
        whole.environment = request.environment?.environment ?? [:]
        whole.minCudaVersion = request.minCudaVersion ?? ""
        let (draft, violations) = TemplateDraft.read(whole)
        return (TemplateUpdate(given: request, draft: draft), violations + ResourceRules.violations(of: draft))
    }

    func applied(to before: TemplateDraft) -> TemplateDraft {
        let (given, draft) = (self.given, self.draft)
        return TemplateDraft(
            name: given.name.isEmpty ? before.name : draft.name, readme: given.readme == nil ? before.readme : draft.readme,
            image: given.image.isEmpty ? before.image : draft.image,
            registryCredentialID: given.registryCredentialId == nil ? before.registryCredentialID : draft.registryCredentialID,
            command: given.command == nil ? before.command : draft.command,
            diskGB: given.diskGb == 0 ? before.diskGB : draft.diskGB, ports: given.ports == nil ? before.ports : draft.ports,
            environment: given.environment == nil ? before.environment : draft.environment,
            minCUDAVersion: given.minCudaVersion == nil ? before.minCUDAVersion : draft.minCUDAVersion)
    }
}

extension NovitaiV1.RegistryCredential {
    init(_ credential: RegistryCredential) {
        self.init()
        self.id = credential.id.rawValue
        self.name = credential.name
        self.username = credential.username
    }
}

extension NovitaiV1.NetworkVolume {
    init(_ volume: NetworkVolume) {
        self.init()
        self.id = volume.id.rawValue
        self.name = volume.content.name
        self.sizeGb = UInt32(clamping: volume.content.sizeGB)
        self.regionId = volume.content.clusterID
        self.regionName = volume.clusterName
    }
}

extension NovitaiV1.Network {
    init(_ network: Network) {
        self.init()
        self.id = network.id.rawValue
        self.name = network.content.name
        self.regionId = network.content.clusterID
        self.state = network.status
        self.error = network.error
        self.segment = network.segment
        self.members = network.members.map { member in
            var message = NovitaiV1.NetworkMember()
            message.upstreamId = member.machineID.rawValue
            message.address = member.address
            return message
        }
        self.createTime = network.createdAt.map { GoogleProtobuf.Timestamp($0) }
    }
}

extension NovitaiV1.ImagePrewarm {
    init(_ prewarm: ImagePrewarm) {
        self.init()
        self.id = prewarm.id.rawValue
        self.image = prewarm.content.image
        self.registryCredentialId = prewarm.content.registryCredentialID
        self.regionId = prewarm.content.clusterID
        self.regionName = prewarm.clusterName
        self.productIds = prewarm.content.productIDs
        self.state = prewarm.status
        self.error = prewarm.error
        self.imageBytes = UInt64(clamping: prewarm.imageBytes)
        self.note = prewarm.content.note
        self.createTime = prewarm.createdAt.map { GoogleProtobuf.Timestamp($0) }
        self.completeTime = prewarm.completedAt.map { GoogleProtobuf.Timestamp($0) }
    }
}
