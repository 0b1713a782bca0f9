/// What a caller wants changed of an instance; what is nil stays as it is.
package struct InstanceUpdate: Sendable {
    package var name: String?
    /// All of them afterwards.
    package var labels: [String: String]?
    package var deletionProtection: Bool?
    /// All of them afterwards.
    package var ports: [PortSpec]?
    /// A disk can only grow.
    package var diskGB: Int?
    package var image: String?
    package var registryCredentialID: String?
    package var command: String?
    package var entrypoint: String?
    /// All of it afterwards.
    package var environment: InstanceEnvironment?
    package var policies: PolicyUpdate?

    package init() {}

    /// What the instance is to be made of afterwards.
    func applied(to spec: InstanceSpec) -> InstanceSpec {
        var spec = spec
        spec.ports = self.ports ?? spec.ports
        spec.diskGB = self.diskGB ?? spec.diskGB
        spec.image = self.image ?? spec.image
        spec.registryCredentialID = self.registryCredentialID ?? spec.registryCredentialID
        spec.command = self.command ?? spec.command
        spec.entrypoint = self.entrypoint ?? spec.entrypoint
        spec.environmentNames = self.environment?.values.keys.sorted() ?? spec.environmentNames
        return spec
    }

    /// What the provider must be asked for: a container is made anew for everything that it was started with.
    func parts(from spec: InstanceSpec) -> [MachineUpdate.Part] {
        let after = self.applied(to: spec)
        var (edited, upgraded) = (spec, spec)
        (edited.ports, edited.diskGB) = (after.ports, after.diskGB)
        (upgraded.image, upgraded.registryCredentialID) = (after.image, after.registryCredentialID)
        (upgraded.command, upgraded.entrypoint, upgraded.environmentNames) = (after.command, after.entrypoint, after.environmentNames)
        return (edited == spec ? [] : [.edit]) + (upgraded == spec && self.environment == nil ? [] : [.upgrade])
    }
}

extension InstanceID {
    /// What the environment stands under that an update is to bring about: until the machine has it, the instance keeps its own.
    package static func waiting(for job: JobID) -> InstanceID { InstanceID(rawValue: "job \(job)") }
}

/// The part of an update that the provider does, as the job keeps it.
package struct MachineUpdate: Hashable, Sendable, Codable {
    package enum Part: String, Hashable, Sendable, Codable {
        /// Ports and disk, while the machine goes on.
        case edit
        /// A new container on the same machine: it is stopped, made anew and started.
        case upgrade
    }

    /// What is still to be asked for, the present one first; each is a call of its own.
    package var parts: [Part]
    /// The spec as it was, for when it does not come about.
    package var before: InstanceSpec
    /// GB that the machine had when it was last seen, so that a disk is not made to grow twice.
    package var diskSeenGB: Int
    /// The provider has been asked to let the disk grow, and may have done it: asked again it would grow twice, for ever billed.
    package var mayHaveGrown: Bool?
    /// Since when the provider may be making the container anew: asked again it would do so twice. Nil: it is not.
    package var mayHaveResetSince: Timestamp?
    /// The new environment waits for the machine to have it, see `InstanceID.waiting`.
    package var bringsEnvironment: Bool?

    /// What the machine is taken to be made of when the update comes to nothing. A disk does not shrink again.
    var kept: InstanceSpec {
        var spec = self.before
        spec.diskGB = max(spec.diskGB, self.diskSeenGB)
        return spec
    }

    /// The same when the update is no longer followed, though its present part may have been taken.
    func abandoned(_ spec: InstanceSpec) -> InstanceSpec {
        guard self.parts.first == .edit else { return spec }
        var kept = self.before
        (kept.ports, kept.diskGB) = (spec.ports, spec.diskGB)
        return kept
    }

    package init(parts: [Part], before: InstanceSpec) {
        self.parts = parts
        self.before = before
        self.diskSeenGB = before.diskGB
    }
}
