internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension NovitaiV1.InstancePolicies {
    init(_ policies: InstancePolicies) {
        self.init()
        self.idleStop = policies.idleStop.map { GoogleProtobuf.Duration($0) }
        self.neverIdleStop = policies.idleStop == nil
        self.idlePercent = UInt32(clamping: policies.idlePercent ?? 0)
        self.neverIdlePercent = policies.idlePercent == nil
        self.maxLifetime = policies.maxLifetime.map { GoogleProtobuf.Duration($0) }
        self.stopAt = policies.stopAt.map { GoogleProtobuf.Timestamp($0) }
        self.deleteAt = policies.deleteAt.map { GoogleProtobuf.Timestamp($0) }
        self.startAt = policies.startAt.map { GoogleProtobuf.Timestamp($0) }
        self.lease = policies.lease.map { GoogleProtobuf.Duration($0) }
        self.spotRecovery = NovitaiV1.SpotRecovery(policies.spotRecovery)
    }
}

extension InstancePolicies {
    /// - Parameter settings: of a request that says nothing about it.
    init(_ message: NovitaiV1.InstancePolicies?, default settings: FleetSettings) {
        let idleStop = message?.neverIdleStop == true ? nil : message?.idleStop?.duration ?? settings.idleStop
        let standard = idleStop == nil || message?.neverIdlePercent == true ? nil : settings.idlePercent
        let idlePercent = message.flatMap { $0.idlePercent == 0 || $0.neverIdlePercent ? nil : Int($0.idlePercent) }
        self.init(
            idleStop: idleStop, idlePercent: idlePercent ?? standard,
            maxLifetime: message?.maxLifetime?.duration, stopAt: message?.stopAt.map { Timestamp($0) },
            deleteAt: message?.deleteAt.map { Timestamp($0) }, startAt: message?.startAt.map { Timestamp($0) },
            lease: message?.lease?.duration, spotRecovery: message?.spotRecovery.recovery)
    }
}

extension InstancePolicies {
    /// Left aside it would be the server's way, which may cost money.
    static func unknownRecovery(in message: NovitaiV1.InstancePolicies?) -> [FieldViolation] {
        message?.spotRecovery.isKnown ?? true ? [] : [FieldViolation("policies.spot_recovery", "is not known to this version")]
    }
}

extension PolicyUpdate {
    /// Nil when nothing is said about policies.
    static func read(
        _ request: NovitaiV1.UpdateInstanceRequest, default settings: FleetSettings
    ) -> (update: PolicyUpdate?, violations: [FieldViolation]) {
        guard request.policies != nil || !request.policiesFields.isEmpty else { return (nil, []) }
        // What a policy is not is said by a flag of its own.
        let negations = ["never_idle_stop": Field.idleStop.rawValue, "never_idle_percent": Field.idlePercent.rawValue]
        let names = request.policiesFields.map { negations[$0] ?? $0 }
        let unknown =
            names.enumerated().filter { Field(rawValue: $1) == nil }
            .map { FieldViolation("policies_fields[\($0.offset)]", "no policy is called so") }
            + InstancePolicies.unknownRecovery(in: request.policies)
        let fields = names.isEmpty ? nil : Set(names.compactMap { Field(rawValue: $0) })
        return (PolicyUpdate(InstancePolicies(request.policies, default: settings), fields: fields), unknown)
    }
}

extension NovitaiV1.NextAction {
    init(_ action: NextAction) {
        self.init()
        self.kind =
            switch action.kind {
            case .start: .start
            case .stop: .stop
            case .delete: .delete
            }
        self.cause = action.cause.word
        self.time = GoogleProtobuf.Timestamp(action.at)
    }
}
