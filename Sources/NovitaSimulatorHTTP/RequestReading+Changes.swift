internal import NovitaSimulator

/// Changes of machines, jobs, metrics and bills.
extension APIRequest {
    func changeOperation(on endpoint: Endpoint) throws(APIError) -> Operation {
        let body = try FieldReader(body: self.body)
        switch endpoint {
        case .editInstance: return .editInstance(try Self.edit(body))
        case .upgradeInstance: return .upgradeInstance(try Self.upgrade(body))
        case .migrateInstance: return .migrateInstance(id: try body.string("instanceId"))
        case .renewInstance:
            return .changeTerms(.renew(id: try body.string("instanceId"), months: try body.integer("month") ?? 0))
        case .makeMonthly:
            return .changeTerms(.makeMonthly(id: try body.string("instanceId"), months: try body.integer("month") ?? 0))
        case .setAutoRenew:
            let months = try body.bool("autoRenew") ? try body.integer("autoRenewMonth") ?? 0 : nil
            return .changeTerms(.autoRenew(ids: try body.strings("instanceIds"), months: months))
        case .setAutoMigrate:
            return .changeTerms(
                .autoMigrate(
                    id: try body.string("instanceId"), isOn: try body.bool("autoMigrateOpen"),
                    includesSystemDisk: try body.bool("autoMigrateSystemDisk")))
        case .saveImage:
            return .saveImage(
                SaveImageRequest(
                    id: try body.string("instanceId"), image: try body.string("image"), registryAuthID: try body.string("registryAuthId")))
        case .breakJob: return .breakJob(id: try body.string("jobId"))
        case .listJobs: return .listJobs(try self.jobQuery())
        case .getMetrics: return .getMetrics(try self.metricQuery())
        case .listBills: return .listBills(try self.billQuery())
        default: throw APIError.named(by: 404)
        }
    }

    private static func edit(_ body: FieldReader) throws(APIError) -> EditRequest {
        var ports: [ExposedPort] = []
        for port in try body.list("ports") {
            guard let kind = ExposedPort.Kind(rawValue: try port.string("type")) else {
                throw .invalid("ports.type", "value must be one of [http, tcp]")
            }
            ports.append(ExposedPort(number: try port.integer("port") ?? 0, kind: kind))
        }
        return EditRequest(id: try body.string("instanceId"), ports: ports, expandRootDisk: try body.integer("expandRootDisk") ?? 0)
    }

    private static func upgrade(_ body: FieldReader) throws(APIError) -> UpgradeRequest {
        guard body.has("save") else { throw .invalid("save", "value is required") }
        guard let volumes = try body.object("networkVolume") else { throw .invalid("networkVolume", "value is required") }
        var request = UpgradeRequest(
            id: try body.string("instanceId"), imageURL: try body.string("imageUrl"), imageAuthID: try body.string("imageAuthId"),
            command: try body.string("command"), entrypoint: try body.string("entrypoint"), keepsData: try body.bool("save"))
        for variable in try body.list("envs") {
            request.environment.append(EnvironmentVariable(key: try variable.string("key"), value: try variable.string("value")))
        }
        for volume in try volumes.list("volumeMounts") {
            request.volumes.append(NetworkStorageMount(id: try volume.string("id"), mountPoint: try volume.string("mountPath")))
        }
        return request
    }

    private func jobQuery() throws(APIError) -> JobQuery {
        var query = JobQuery()
        query.page = try self.page("pageNum")
        query.id = self.query["jobId"] ?? ""
        query.kind = self.query["type"] ?? ""
        query.state = self.query["state"] ?? ""
        query.startTime = Int64(try self.integer("startTime") ?? 0)
        query.endTime = Int64(try self.integer("endTime") ?? 0)
        return query
    }

    /// Times that are no numbers are replaced like those out of range.
    private func metricQuery() throws(APIError) -> MetricQuery {
        MetricQuery(
            id: self.query["instanceId"] ?? "", startTime: self.query["startTime"].flatMap { Int64($0) },
            endTime: self.query["endTime"].flatMap { Int64($0) }, interval: self.query["interval"].flatMap { Int64($0) })
    }

    private func billQuery() throws(APIError) -> BillQuery {
        var query = BillQuery()
        query.startTime = Int64(try self.integer("startTime") ?? 0)
        query.endTime = Int64(try self.integer("endTime") ?? 0)
        query.ownerID = self.query["ownerId"] ?? ""
        return query
    }

    func page(_ number: String, isOneBased: Bool = false) throws(APIError) -> PageQuery {
        PageQuery(size: try self.integer("pageSize"), number: try self.integer(number), isOneBased: isOneBased)
    }
}
