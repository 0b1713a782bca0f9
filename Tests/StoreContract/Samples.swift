package import Fleet

/// Values for tests; every property that matters to a rule is an argument.
package enum Sample {
    package static let tenant = TenantID(rawValue: "acme")
    package static let start = Timestamp(seconds: 1_700_000_000)

    package static func time(_ seconds: Int64) -> Timestamp {
        Timestamp(seconds: self.start.seconds + seconds)
    }

    package static func instance(
        _ number: Int, name: String? = nil, tenant: TenantID = tenant, owner: Owner? = nil, price: MicroUSD = .dollars(1),
        createdAt: Timestamp? = nil
    ) -> Instance {
        let placement = Placement(
            productID: "p-1", productName: "RTX 4090", clusterID: "c-1", clusterName: "US-1", billingMode: .onDemand, hourlyPrice: price)
        return Instance(
            id: InstanceID(rawValue: "i-\(number)"), name: name ?? "name-\(number)", tenant: tenant, owner: owner,
            spec: InstanceSpec(products: ["RTX 4090"], image: "example/image:1", environmentNames: ["TOKEN"]),
            labels: ["zeta": "1", "alpha": "ü/\u{0}\"", "mid": ""], placement: placement, jobID: self.jobID(number),
            createdAt: createdAt ?? self.time(Int64(number)))
    }

    package static func job(
        _ number: Int, of instance: Int? = nil, type: JobType = .createInstance, dueAt: Timestamp? = nil, tenant: TenantID = tenant,
        createdAt: Timestamp? = nil
    ) -> Job {
        var job = Job(
            id: self.jobID(number), type: type, tenant: tenant, instanceID: InstanceID(rawValue: "i-\(instance ?? number)"),
            step: .place, requestID: "r-\(number)", createdAt: createdAt ?? self.time(Int64(number)))
        if let dueAt { job.dueAt = dueAt }
        return job
    }

    package static let settling = JobStep.settle(
        CreateAttempt(
            number: 1,
            placement: Placement(
                productID: "p-1", productName: "RTX 4090", clusterID: "c-1", clusterName: "US-1", billingMode: .onDemand,
                hourlyPrice: .dollars(1)), sentAt: start, callDeadline: start), absences: 0)

    package static func jobID(_ number: Int) -> JobID { JobID(rawValue: "j-\(number)") }

    package static func token(_ text: String) -> LeaseToken { LeaseToken(rawValue: text) }

    package static func requestKey(_ id: String, tenant: TenantID = tenant, method: String = "CreateInstance") -> RequestKey {
        RequestKey(tenant: tenant, method: method, requestID: id)
    }

    package static func request(_ id: String, instance: Int = 1) -> RequestRecord {
        RequestRecord(
            key: self.requestKey(id), payloadDigest: [0, 1, 0xFF], instanceID: InstanceID(rawValue: "i-\(instance)"),
            jobID: self.jobID(instance), createdAt: self.start)
    }

    /// What creating an instance writes: everything a commit can hold.
    package static func creation(_ number: Int, guards: [Guard] = [], price: MicroUSD = .dollars(1)) -> Commit {
        let instance = self.instance(number, price: price)
        return Commit(
            guards: guards, instances: [instance], jobs: [.init(self.job(number))], request: self.request("r-\(number)", instance: number),
            environments: [instance.id: InstanceEnvironment(["TOKEN": "secret-\(number)"])])
    }
}

extension Job {
    /// As a worker leaves it when it is done.
    package func ended(_ state: JobState = .succeeded, at time: Timestamp = Sample.time(1000)) -> Job {
        var copy = self
        copy.state = state
        copy.step = .end
        copy.dueAt = nil
        copy.endedAt = time
        copy.updatedAt = time
        return copy
    }
}

extension Instance {
    package func deleted(at time: Timestamp = Sample.time(1000)) -> Instance {
        var copy = self
        copy.desiredState = .deleted
        copy.state = .deleted
        copy.updatedAt = time
        copy.deletedAt = time
        return copy
    }
}

extension LeaseRequest {
    package init(_ token: String, at seconds: Int64, for duration: Duration = .seconds(30), limit: Int = 10) {
        let now = Sample.time(seconds)
        self.init(token: Sample.token(token), now: now, expiresAt: now + duration, limit: limit)
    }
}
