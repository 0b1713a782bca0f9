internal import Fleet
internal import JSONText

extension Machine {
    /// A machine as *get* or a list shows it. Nil without an id: it could not be told from another.
    init?(_ json: JSON) {
        let id = json["id"].string
        guard !id.isEmpty else { return nil }
        self.init(
            id: UpstreamID(rawValue: id), name: json["name"].string, status: json["status"].string,
            statusError: Self.statusError(json["statusError"]), token: Self.token(json), clusterID: json["clusterId"].string,
            productID: json["productId"].string, gpuCount: json["kind"].string == "cpu" ? 0 : json["gpuNum"].integer,
            diskGB: json["rootfsSize"].integer,
            billingMode: BillingMode(rawValue: json["billingMode"].string),
            endpoints: json["portMappings"].elements.compactMap(Endpoint.init), spotStatus: json["spotStatus"].string,
            spotReclaimAt: json["spotReclaimTime"].timestamp, createdAt: json["createdAt"].timestamp,
            updateMark: Self.updateMark(json), paidUntil: json["endTime"].timestamp)
    }

    /// An environment that is shown holds at least our own variable.
    private static func updateMark(_ json: JSON) -> String? {
        let variables = json["envs"].elements
        guard variables.contains(where: { $0["key"].string == OwnershipToken.environmentName }) else { return nil }
        return variables.first { $0["key"].string == OwnershipToken.updateEnvironmentName }?["value"].string ?? ""
    }

    private static func statusError(_ json: JSON) -> String {
        [json.string, json["state"].string, json["message"].string].filter { !$0.isEmpty }.joined(separator: ": ")
    }

    /// The environment's before the name's: a name can be changed by hand.
    private static func token(_ json: JSON) -> OwnershipToken? {
        let variable = json["envs"].elements.first { $0["key"].string == OwnershipToken.environmentName }
        return variable.flatMap { OwnershipToken($0["value"].string) } ?? OwnershipToken(json["name"].string)
    }
}

extension Endpoint {
    /// Nil while the provider has not assigned an address yet, or for a protocol that is none of ours.
    fileprivate init?(_ json: JSON) {
        let address = json["endpoint"].string
        guard let port = json["port"].integer, let `protocol` = PortProtocol(rawValue: json["type"].string.lowercased()), !address.isEmpty
        else { return nil }
        self.init(port: port, protocol: `protocol`, address: address)
    }
}
