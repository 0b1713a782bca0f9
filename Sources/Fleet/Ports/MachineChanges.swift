/// A network volume inside a machine.
package struct VolumeMount: Sendable, Hashable, Codable {
    package var volumeID: String
    package var mountPath: String

    package init(volumeID: String, mountPath: String) {
        self.volumeID = volumeID
        self.mountPath = mountPath
    }
}

/// What can be changed of a machine while it runs, without a restart.
package struct MachineEdit: Sendable, Hashable {
    /// Everything that shall be open afterwards: whether the provider replaces or adds is not documented, so that only the whole list
    /// is safe.
    package var ports: [PortSpec]
    /// On top of what there is; 0 leaves the disk as it is. A disk can only grow.
    package var addedDiskGB: Int

    package init(ports: [PortSpec], addedDiskGB: Int = 0) {
        self.ports = ports
        self.addedDiskGB = addedDiskGB
    }
}

/// A new container on the same machine: it is stopped, made anew and started. What is not given here is cleared.
package struct MachineUpgrade: Sendable, Hashable {
    /// Goes on in the new environment, so that the machine stays ours by both of its marks.
    package var token: OwnershipToken
    /// The job that asks for it, by which its effect is recognised; empty: none.
    package var mark: String
    package var image: String
    package var registryCredentialID: String
    package var environment: InstanceEnvironment
    package var command: String
    package var entrypoint: String
    package var volumes: [VolumeMount]
    /// The old container's disk is kept.
    package var keepsData: Bool

    package init(
        token: OwnershipToken, mark: String = "", image: String, registryCredentialID: String = "",
        environment: InstanceEnvironment = InstanceEnvironment(),
        command: String = "", entrypoint: String = "", volumes: [VolumeMount] = [], keepsData: Bool = true
    ) {
        self.token = token
        self.mark = mark
        self.image = image
        self.registryCredentialID = registryCredentialID
        self.environment = environment
        self.command = command
        self.entrypoint = entrypoint
        self.volumes = volumes
        self.keepsData = keepsData
    }
}

/// A change of how a machine is paid for or looked after by the provider.
package enum MachineTerms: Sendable, Hashable {
    /// From on demand to so many months paid ahead.
    case monthly(months: Int)
    /// So many months more for a machine that is paid by the month.
    case renewal(months: Int)
    /// Renewed by itself for so many months each time; nil: no longer.
    case automaticRenewal(months: Int?)
    case automaticMigration(isOn: Bool, includesSystemDisk: Bool)
}

/// How to get into a machine. Holds secrets: it has no description, and is never logged or stored.
package struct MachineAccess: Sendable, Hashable {
    /// As the provider writes it, such as `ssh -p 41822 root@proxy.us-ca-6.gpu-instance.novita.ai`; empty while there is no way in.
    package var sshCommand: String
    package var sshPassword: String
    package var jupyterAddress: String
    package var terminalAddress: String
    package var terminalUser: String
    package var terminalPassword: String
    /// Streams over HTTP.
    package var systemLogAddress: String
    package var instanceLogAddress: String

    package init(
        sshCommand: String = "", sshPassword: String = "", jupyterAddress: String = "", terminalAddress: String = "",
        terminalUser: String = "", terminalPassword: String = "", systemLogAddress: String = "", instanceLogAddress: String = ""
    ) {
        self.sshCommand = sshCommand
        self.sshPassword = sshPassword
        self.jupyterAddress = jupyterAddress
        self.terminalAddress = terminalAddress
        self.terminalUser = terminalUser
        self.terminalPassword = terminalPassword
        self.systemLogAddress = systemLogAddress
        self.instanceLogAddress = instanceLogAddress
    }
}

extension MachineAccess: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "MachineAccess(redacted)" }
    package var debugDescription: String { self.description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
