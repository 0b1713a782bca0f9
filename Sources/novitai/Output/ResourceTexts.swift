internal import NovitaiProto

// How the account's things read in tables.

func table(_ templates: [NovitaiV1.Template]) -> String {
    var table = Table("ID", "NAME", "CHANNEL", "IMAGE", "DISK", "PORTS")
    for template in templates {
        table.add(template.id, template.name, template.channel, template.image, "\(template.diskGb) GB", ports(of: template))
    }
    return table.text
}

func details(_ template: NovitaiV1.Template) -> String {
    var table = Table("FIELD", "VALUE")
    table.add("id", template.id)
    table.add("name", template.name)
    table.add("channel", template.channel)
    table.add("image", template.image)
    if !template.registryCredentialId.isEmpty { table.add("registry credential", template.registryCredentialId) }
    if !template.command.isEmpty { table.add("command", template.command) }
    table.add("disk", "\(template.diskGb) GB")
    table.add("ports", ports(of: template))
    if !template.environmentNames.isEmpty { table.add("environment", template.environmentNames.joined(separator: ", ")) }
    if !template.minCudaVersion.isEmpty { table.add("lowest CUDA", template.minCudaVersion) }
    table.add("created", template.createTime.text)
    return template.readme.isEmpty ? table.text : table.text + "\n\n" + template.readme
}

private func ports(of template: NovitaiV1.Template) -> String {
    template.ports.map { "\($0.port)/\($0.protocol.word.lowercased())" }.joined(separator: ",")
}

func table(_ credentials: [NovitaiV1.RegistryCredential]) -> String {
    var table = Table("ID", "REGISTRY", "USERNAME")
    for credential in credentials { table.add(credential.id, credential.name, credential.username) }
    return table.text
}

func table(_ volumes: [NovitaiV1.NetworkVolume]) -> String {
    var table = Table("ID", "NAME", "SIZE", "REGION")
    for volume in volumes { table.add(volume.id, volume.name, "\(volume.sizeGb) GB", volume.regionId) }
    return table.text
}

func table(_ networks: [NovitaiV1.Network]) -> String {
    var table = Table("ID", "NAME", "REGION", "STATE", "SEGMENT", "MEMBERS", "CREATED")
    for network in networks {
        table.add(
            network.id, network.name, network.regionId, network.error.isEmpty ? network.state : "\(network.state): \(network.error)",
            network.segment, String(network.members.count), network.createTime.text)
    }
    return table.text
}

func table(_ prewarms: [NovitaiV1.ImagePrewarm]) -> String {
    var table = Table("ID", "IMAGE", "REGION", "STATE", "NOTE", "CREATED")
    for prewarm in prewarms {
        table.add(
            prewarm.id, prewarm.image, prewarm.regionId, prewarm.error.isEmpty ? prewarm.state : "\(prewarm.state): \(prewarm.error)",
            prewarm.note, prewarm.createTime.text)
    }
    return table.text
}
