/// What a machine carries at the provider, in its name and in one environment variable, so that it can be found again after
/// a create whose answer was lost: `<deployment>.<instance>.<attempt>`.
///
/// Only a token with exactly our deployment id is ours; everything else on the account is somebody else's and is never touched.
package struct OwnershipToken: Hashable, Sendable, Codable {
    package let deployment: DeploymentID
    package let instance: InstanceID
    /// 1 for the first create call made for the instance.
    package let attempt: Int

    package init(deployment: DeploymentID, instance: InstanceID, attempt: Int) {
        self.deployment = deployment
        self.instance = instance
        self.attempt = attempt
    }

    /// Reads a token back; nil for any text that is not exactly one.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty, let attempt = Int(parts[2]), attempt > 0,
            String(attempt) == parts[2]
        else { return nil }
        self.deployment = DeploymentID(rawValue: String(parts[0]))
        self.instance = InstanceID(rawValue: String(parts[1]))
        self.attempt = attempt
    }

    package var text: String { "\(self.deployment).\(self.instance).\(self.attempt)" }

    /// What the tokens of all create calls for an instance have in common, for a search by name.
    package static func prefix(of instance: InstanceID, in deployment: DeploymentID) -> String { "\(deployment).\(instance)." }

    /// The environment variable that carries the token inside the machine.
    package static let environmentName = "NOVITAI_OWNER"

    /// The environment variable that names the job that last gave the machine a new container: the only way to learn whether a call whose
    /// answer was lost has come through.
    package static let updateEnvironmentName = "NOVITAI_UPDATE"
}
