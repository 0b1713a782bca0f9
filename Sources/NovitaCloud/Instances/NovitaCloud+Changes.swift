package import Fleet
internal import JSONText

// MARK: - Changes of machines

extension NovitaCloud {
    package func edit(_ id: UpstreamID, _ edit: MachineEdit, call: CloudCall) async throws(CloudError) {
        let ports = edit.ports.map { port -> JSON in
            .object([.init("port", .number("\(port.port)")), .init("type", .string(port.protocol.rawValue))])
        }
        let body = JSON.object([
            .init("instanceId", .string(id.rawValue)), .init("ports", .array(ports)),
            .init("expandRootDisk", .number("\(max(0, edit.addedDiskGB))")),
        ])
        try await self.post("/gpu/instance/edit", body, edit.addedDiskGB > 0 ? .ifNotProcessed : .always, call)
    }

    /// A second one would reset the container again.
    package func upgrade(_ id: UpstreamID, _ upgrade: MachineUpgrade, call: CloudCall) async throws(CloudError) {
        try await self.post("/gpu/instance/upgrade", upgrade.json(for: id), .ifNotProcessed, secrets: upgrade.environment.secrets, call)
    }

    /// A second one would begin a second job.
    package func migrate(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {
        try await self.post("/gpu/instance/migrate", .object([.init("instanceId", .string(id.rawValue))]), .ifNotProcessed, call)
    }

    package func change(_ terms: MachineTerms, of id: UpstreamID, call: CloudCall) async throws(CloudError) {
        let instance = JSON.Member("instanceId", .string(id.rawValue))
        switch terms {
        case .monthly(let months):
            let body = JSON.object([instance, .init("month", .number("\(months)"))])
            try await self.post("/gpu/instance/transToMonthlyInstance", body, .never, call)
        case .renewal(let months):
            let body = JSON.object([instance, .init("month", .number("\(months)"))])
            try await self.post("/gpu/instance/renewInstance", body, .never, call)
        case .automaticRenewal(let months):
            let body = JSON.object([
                .init("instanceIds", .array([.string(id.rawValue)])), .init("autoRenew", .bool(months != nil)),
                .init("autoRenewMonth", .number("\(months ?? 0)")),
            ])
            try await self.post("/gpu/instance/setAutoRenew", body, .always, call)
        case .automaticMigration(let isOn, let includesSystemDisk):
            let body = JSON.object([
                instance, .init("autoMigrateOpen", .bool(isOn)), .init("autoMigrateSystemDisk", .bool(includesSystemDisk)),
            ])
            try await self.post("/gpu/instance/setAutoMigrate", body, .always, call)
        }
    }
}

// MARK: - Looking into machines

extension NovitaCloud {
    package func access(to id: UpstreamID, call: CloudCall) async throws(CloudError) -> MachineAccess? {
        do throws(CallFailure) {
            let reply = try await self.caller.json(.get("/gpu/instance", query: [("instanceId", id.rawValue)]), call: call)
            let json = reply["instance"] == .null ? reply : reply["instance"]
            guard json["id"].string == id.rawValue else { throw .malformedReply("the reply is not about this machine") }
            return UpstreamPhase(status: json["status"].string) == .gone ? nil : MachineAccess(json)
        } catch {
            guard error.error.code == .notFound else { throw error.error }
            return nil
        }
    }

    package func metrics(of id: UpstreamID, in window: MetricWindow, call: CloudCall) async throws(CloudError) -> MachineMetrics {
        let query = [
            (name: "instanceId", value: id.rawValue), (name: "startTime", value: window.start.unixSeconds),
            (name: "endTime", value: window.end.unixSeconds), (name: "interval", value: "\(window.interval.components.seconds)"),
        ]
        do throws(CallFailure) {
            let reply = try await self.caller.json(.get("/metrics/gpu/instance", family: .open, query: query), call: call)
            guard case .object = reply else { throw .malformedReply("the reply holds no metrics") }
            return MachineMetrics(reply)
        } catch {
            throw error.error
        }
    }
}

extension MachineUpgrade {
    /// Everything, always: what is left out would be cleared.
    fileprivate func json(for id: UpstreamID) -> JSON {
        let mounts = self.volumes.map { volume -> JSON in
            .object([
                .init("type", .string("network")), .init("id", .string(volume.volumeID)), .init("mountPath", .string(volume.mountPath)),
            ])
        }
        return .object([
            .init("instanceId", .string(id.rawValue)), .init("imageUrl", .string(self.image)),
            .init("imageAuthId", .string(self.registryCredentialID)),
            .init("envs", self.environment.json(carrying: self.token, mark: self.mark)),
            .init("command", .string(self.command)), .init("entrypoint", .string(self.entrypoint)), .init("save", .bool(self.keepsData)),
            .init("networkVolume", .object([.init("volumeMounts", .array(mounts))])),
        ])
    }
}

extension MachineAccess {
    fileprivate init(_ json: JSON) {
        let ssh = json["connectComponentSSH"]
        let terminal = json["connectComponentWebTerminal"]
        let log = json["connectComponentLog"]
        func first(_ texts: String...) -> String { texts.first { !$0.isEmpty } ?? "" }
        self.init(
            sshCommand: first(ssh["sshCommand"].string, json["sshCommand"].string),
            sshPassword: first(ssh["password"].string, json["sshPassword"].string),
            jupyterAddress: json["connectComponentJupyter"]["address"].string, terminalAddress: terminal["address"].string,
            terminalUser: terminal["username"].string, terminalPassword: terminal["password"].string,
            systemLogAddress: log["systemLogAddress"].string, instanceLogAddress: log["instanceLogAddress"].string)
    }
}

extension MachineMetrics {
    fileprivate init(_ json: JSON) {
        self.init(
            cpu: Self.points(json["cpuUtilization"]), memory: Self.points(json["memUtilization"]),
            rootDisk: Self.points(json["rootDiskUtilization"]), gpu: Self.gpus(json["gpuUtilization"]),
            gpuMemory: Self.gpus(json["gpuMemUtilization"]))
    }

    private static func gpus(_ json: JSON) -> GPUMetrics {
        let each = json["gpuIds"].elements.map { ($0["gpuId"].string, self.points($0["items"])) }
        return GPUMetrics(average: self.points(json["avg"]), byGPU: Dictionary(each) { first, _ in first })
    }

    /// A point without a time or a value is left out. Whether the provider ever counts from 0 to 1 is not known; it says percent.
    private static func points(_ json: JSON) -> [MetricPoint] {
        json.elements.compactMap { point in
            guard let time = point["timestamp"].timestamp, let value = Double(point["value"].string), value.isFinite else { return nil }
            return MetricPoint(at: time, percent: min(100, max(0, value)))
        }
    }
}
