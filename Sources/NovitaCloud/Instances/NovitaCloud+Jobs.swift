package import Fleet
internal import JSONText

// MARK: - The provider's background jobs

extension NovitaCloud {
    package func saveImage(
        of id: UpstreamID, to image: String, registryCredentialID: String, call: CloudCall
    ) async throws(CloudError) -> UpstreamJobID {
        var members = [JSON.Member("instanceId", .string(id.rawValue)), JSON.Member("image", .string(image))]
        if !registryCredentialID.isEmpty { members.append(.init("registryAuthId", .string(registryCredentialID))) }
        do throws(CallFailure) {
            let reply = try await self.caller.json(.post("/job/save/image", .object(members), .ifNotProcessed), call: call)
            let job = [reply, reply["jobId"], reply["id"], reply["data"]["jobId"]].map(\.string).first { !$0.isEmpty }
            guard let job else { throw .malformedReply("the reply names no job") }
            return UpstreamJobID(rawValue: job)
        } catch {
            throw error.changeError
        }
    }

    package func jobs(_ query: UpstreamJobQuery, call: CloudCall) async throws(CloudError) -> [UpstreamJob] {
        var filter: [(name: String, value: String)] = []
        if let kind = query.kind { filter.append((name: "type", value: kind.rawValue)) }
        if let id = query.id { filter.append((name: "jobId", value: id.rawValue)) }
        if let time = query.createdAfter { filter.append((name: "startTime", value: time.unixSeconds)) }
        let list = PagedList(path: "/jobs", keys: ["jobs", "data"], filter: filter)
        do throws(CallFailure) {
            return try await list.items(of: self.caller, call: call).compactMap(UpstreamJob.init)
        } catch {
            throw error.error
        }
    }

    package func cancelJob(_ id: UpstreamJobID, call: CloudCall) async throws(CloudError) {
        try await self.post("/job/break", .object([.init("jobId", .string(id.rawValue))]), .always, call)
    }
}

extension UpstreamJob {
    /// Nil without an id.
    fileprivate init?(_ json: JSON) {
        let id = json["id"].string
        guard !id.isEmpty else { return nil }
        // An object, by one source an array of one.
        let state = json["state"].elements.first ?? .null
        let error = [state["errorMessage"], state["message"], state["error"]].map(\.string).first { !$0.isEmpty }
        let word = [state["state"], state].map(\.string).first { !$0.isEmpty }
        self.init(
            id: UpstreamJobID(rawValue: id), kind: Kind(rawValue: json["type"].string),
            machineID: UpstreamID(rawValue: json["instanceId"].string), status: word ?? "", error: error ?? "",
            createdAt: json["createdAt"].timestamp)
    }
}
