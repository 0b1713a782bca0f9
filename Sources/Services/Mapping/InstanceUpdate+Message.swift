internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension InstanceUpdate {
    /// What an update asks for, and everything in it that cannot be taken over as it stands.
    ///
    /// - Parameter settings: see `InstancePolicies.init`.
    static func read(
        _ request: NovitaiV1.UpdateInstanceRequest, default settings: FleetSettings
    ) -> (update: InstanceUpdate, violations: [FieldViolation]) {
        var update = InstanceUpdate()
        update.name = request.name
        update.labels = request.labels?.labels
        update.deletionProtection = request.deletionProtection
        update.ports = request.ports?.ports.map { PortSpec($0) }
        update.diskGB = request.diskGb.map { Int($0) }
        update.image = request.image
        update.registryCredentialID = request.registryCredentialId
        update.command = request.command
        update.entrypoint = request.entrypoint
        update.environment = request.environment.map { InstanceEnvironment($0.environment) }
        let (policies, unknown) = PolicyUpdate.read(request, default: settings)
        update.policies = policies
        return (update, PortSpec.unknownProtocols(in: request.ports?.ports ?? [], "") + self.controlCharacters(in: request) + unknown)
    }

    /// As in a spec: a NUL ends a string for everything written in C, and other control characters have no place in names.
    private static func controlCharacters(in request: NovitaiV1.UpdateInstanceRequest) -> [FieldViolation] {
        let names = [("image", request.image), ("registry_credential_id", request.registryCredentialId)]
        var texts = [("command", request.command ?? ""), ("entrypoint", request.entrypoint ?? "")]
        texts += (request.labels?.labels ?? [:]).sorted { $0.key < $1.key }.map { ("labels", $0.key + $0.value) }
        texts += (request.environment?.environment ?? [:]).sorted { $0.key < $1.key }.map { ("environment", $0.key + $0.value) }
        return names.filter { ($0.1 ?? "").utf8.contains { $0 < 0x20 || $0 == 0x7f } }
            .map { FieldViolation($0.0, "must not hold control characters") }
            + texts.filter { $0.1.utf8.contains(0) }.map { FieldViolation($0.0, "must not hold a NUL") }
    }
}
