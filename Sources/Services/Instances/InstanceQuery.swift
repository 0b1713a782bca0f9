internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

/// How instances are filtered and ordered.
enum InstanceQuery {
    static func predicate(_ filter: String) throws(FleetError) -> Predicate<Instance> {
        try Predicate(
            try Filter(filter), fields: self.fields,
            prefixed: ("labels.", { key in FilterField("labels.\(key)") { wanted in { $0.labels[key] == wanted } } }))
    }

    static func order(_ text: String) throws(FleetError) -> ListOrder<Instance> {
        try ListOrder(
            text,
            keys: [
                ("create_time", { ListPosition(number: $0.createdAt.microseconds, id: $0.id.rawValue) }),
                ("name", { ListPosition(text: $0.name, id: $0.id.rawValue) }),
                ("update_time", { ListPosition(number: $0.updatedAt.microseconds, id: $0.id.rawValue) }),
            ], default: "create_time")
    }

    private static let fields: [FilterField<Instance>] = [
        .value("state", prefix: "INSTANCE_STATE_", of: NovitaiV1.InstanceState.self) { NovitaiV1.InstanceState($0.state) },
        .value("desired_state", prefix: "DESIRED_STATE_", of: NovitaiV1.DesiredState.self) { NovitaiV1.DesiredState($0.desiredState) },
        .value("readiness", prefix: "READINESS_", of: NovitaiV1.Readiness.self) { NovitaiV1.Readiness($0.readiness) },
        .value("billing_mode", prefix: "BILLING_MODE_", of: NovitaiV1.BillingMode.self) { NovitaiV1.BillingMode($0.spec.billingMode) },
        FilterField("id", equals: { [$0.id.rawValue] }),
        FilterField("name", equals: { [$0.name] }),
        FilterField("region", equals: { $0.placement.map { [$0.clusterID, $0.clusterName] } ?? [] }),
        FilterField("product", equals: { $0.placement.map { [$0.productID, $0.productName] } ?? [] }),
    ]

    /// Bytes of the encoded message, roughly.
    static func bytes(_ instance: Instance) -> Int {
        let texts =
            instance.spec.image.utf8.count + instance.spec.command.utf8.count + instance.spec.entrypoint.utf8.count
            + instance.stateMessage.utf8.count + instance.spec.registryCredentialID.utf8.count
        let names = instance.spec.environmentNames.reduce(0) { $0 + $1.utf8.count + 3 }
        let labels = instance.labels.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 8 }
        let endpoints = instance.endpoints.reduce(0) { $0 + $1.address.utf8.count + 12 }
        let products = instance.spec.products.reduce(0) { $0 + $1.utf8.count + 3 }
        let volumes = (instance.spec.volumes ?? []).reduce(0) { $0 + $1.mountPath.utf8.count + $1.volumeID.utf8.count + 8 }
        let probes = instance.spec.ports.reduce(0) { $0 + ($1.probe?.path.utf8.count ?? 0) + 16 }
        return 512 + texts + names + labels + endpoints + products + volumes + probes
    }
}

extension FilterField {
    /// A field with an enumeration's values, written with or without the enumeration's prefix.
    static func value<Value: ProtobufEnum>(
        _ name: String, prefix: String, of type: Value.Type, _ read: @escaping @Sendable (Object) -> Value
    ) -> Self {
        let words = Value.declaredValues.filter { $0.value.rawValue != 0 }.map { $0.name.dropFirst(prefix.count) }
        return FilterField(name, rule: "one of \(words.joined(separator: ", "))") { text in
            guard let wanted = Value(name: text.hasPrefix(prefix) ? text : prefix + text), wanted.rawValue != 0 else { return nil }
            return { read($0) == wanted }
        }
    }
}
