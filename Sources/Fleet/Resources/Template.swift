/// What a template says of a machine: everything but where it runs and what it costs.
package struct TemplateDraft: Sendable, Hashable {
    package var name: String
    package var readme: String
    package var image: String
    package var registryCredentialID: String
    package var command: String
    package var diskGB: Int
    package var ports: [PortSpec]
    /// Secrets, perhaps: shown by name only.
    package var environment: InstanceEnvironment
    package var minCUDAVersion: String

    package init(
        name: String, readme: String = "", image: String, registryCredentialID: String = "", command: String = "", diskGB: Int = 60,
        ports: [PortSpec] = [], environment: InstanceEnvironment = InstanceEnvironment(), minCUDAVersion: String = ""
    ) {
        self.name = name
        self.readme = readme
        self.image = image
        self.registryCredentialID = registryCredentialID
        self.command = command
        self.diskGB = diskGB
        self.ports = ports
        self.environment = environment
        self.minCUDAVersion = minCUDAVersion
    }
}

/// A template of the account, or one that the provider or its community offers.
package struct Template: Sendable, Hashable, Identifiable {
    package var id: TemplateID
    package var content: TemplateDraft
    /// The provider's word: private, official, community.
    package var channel: String
    package var createdAt: Timestamp?

    package init(id: TemplateID, content: TemplateDraft, channel: String, createdAt: Timestamp?) {
        self.id = id
        self.content = content
        self.channel = channel
        self.createdAt = createdAt
    }
}
