/// What receivers are told of: a change of an instance that they can act on, or a test.
package struct WebhookEvent: Hashable, Sendable {
    package static let test = "webhook.test"
    fileprivate static let (ready, unready, policyWarning) = ("instance.ready", "instance.unready", "instance.policy_warning")
    fileprivate static let spotNotice = "instance.spot_notice"

    /// What a target can ask for.
    package static let types: [String] =
        InstanceState.allCases.map { Self.type(of: $0) } + [Self.ready, Self.unready, Self.policyWarning, Self.spotNotice, Self.test]

    static func type(of state: InstanceState) -> String { "instance.\(inCapitals(state.rawValue).lowercased())" }
    static func type(ofReadiness isReady: Bool) -> String { isReady ? self.ready : self.unready }

    package var id: String
    package var type: String
    package var tenant: TenantID
    package var instanceID: InstanceID?
    package var sequence: Int64
    package var body: String

    /// A test that somebody asked for.
    package static func test(id: String, tenant: TenantID, at now: Timestamp) -> WebhookEvent {
        let body = JSONObject([("id", .text(id)), ("type", .text(self.test)), ("sequence", .number(0)), ("time_ms", .milliseconds(now))])
        return WebhookEvent(id: id, type: self.test, tenant: tenant, instanceID: nil, sequence: 0, body: body.text)
    }
}

/// What was last told of an instance: the next change is compared with it.
package struct WebhookMark: Hashable, Sendable, Codable {
    package var sequence: Int64
    package var state: InstanceState
    package var isReady: Bool
    package var warnedOf: NextAction?
    /// Kept when it is withdrawn or over: the same notice is not told again for being shown again.
    package var noticed: SpotNotice?
    /// The instance was there before anybody was to be told of it, and nothing has been told yet; nil: not so.
    package var isAsFound: Bool?

    package init() {
        self.sequence = 0
        self.state = .pending
        self.isReady = false
        self.warnedOf = nil
        self.noticed = nil
        self.isAsFound = nil
    }

    /// Of an instance that nobody was told of: only what becomes of it from now on is an event.
    package init(asFound instance: Instance) {
        self.sequence = 0
        self.state = instance.state
        self.isReady = instance.readiness == .ready
        self.warnedOf = instance.warnedOf
        self.noticed = instance.spotNotice
        self.isAsFound = true
    }

    /// The events that bring a receiver from what it knows to the instance as it is now: of its state (`instance.running`), of the
    /// program in it (`instance.ready`, `instance.unready`), of a policy that is about to act (`instance.policy_warning`), and of the
    /// provider, which will take it back (`instance.spot_notice`).
    package mutating func events(of instance: Instance, history: HistoryID) -> [WebhookEvent] {
        var types: [String] = []
        let isReady = instance.readiness == .ready
        let isNew = self.sequence == 0 && self.isAsFound == nil
        if instance.state != self.state || isNew { types.append(WebhookEvent.type(of: instance.state)) }
        if isReady != self.isReady { types.append(WebhookEvent.type(ofReadiness: isReady)) }
        if let warning = instance.warnedOf, warning != self.warnedOf { types.append(WebhookEvent.policyWarning) }
        if let notice = instance.spotNotice, notice != self.noticed {
            types.append(WebhookEvent.spotNotice)
            self.noticed = notice
        }
        (self.state, self.isReady, self.warnedOf) = (instance.state, isReady, instance.warnedOf)
        return types.enumerated().map { position, type in
            self.sequence += 1
            return WebhookEvent(
                instance, id: "\(history)-\(instance.revision.number)-\(position)", type: type, sequence: self.sequence)
        }
    }
}

extension WebhookEvent {
    fileprivate init(_ instance: Instance, id: String, type: String, sequence: Int64) {
        var fields: [(String, JSONObject.Value)] = [
            ("id", .text(id)), ("type", .text(type)), ("sequence", .number(sequence)), ("time_ms", .milliseconds(instance.updatedAt)),
            ("tenant", .text(instance.tenant.rawValue)), ("instance_id", .text(instance.id.rawValue)), ("name", .text(instance.name)),
            ("revision", .number(instance.revision.number)), ("state", .text(inCapitals(instance.state.rawValue))),
            ("state_reason", .text(inCapitals(instance.stateReason.rawValue))), ("state_message", .text(instance.stateMessage)),
            ("readiness", .text(inCapitals(instance.readiness.rawValue))),
        ]
        if let job = instance.jobID { fields.append(("job_id", .text(job.rawValue))) }
        if let action = instance.nextAction {
            fields.append(("next_action", .text(inCapitals(action.kind.rawValue))))
            fields.append(("next_action_cause", .text(action.cause.word)))
            fields.append(("next_action_time_ms", .milliseconds(action.at)))
        }
        if let reclaimAt = instance.spot?.reclaimAt { fields.append(("spot_reclaim_time_ms", .milliseconds(reclaimAt))) }
        self.init(
            id: id, type: type, tenant: instance.tenant, instanceID: instance.id, sequence: sequence, body: JSONObject(fields).text)
    }
}

/// A flat JSON object, its fields in the given order.
struct JSONObject {
    enum Value {
        case text(String)
        case number(Int64)

        static func milliseconds(_ time: Timestamp) -> Value { .number(time.microseconds / 1000) }
    }

    let text: String

    init(_ fields: [(String, Value)]) {
        let members = fields.map { name, value in
            switch value {
            case .text(let text): "\(Self.quoted(name)):\(Self.quoted(text))"
            case .number(let number): "\(Self.quoted(name)):\(number)"
            }
        }
        self.text = "{\(members.joined(separator: ","))}"
    }

    /// RFC 8259, section 7.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\u{0}"..."\u{1F}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
