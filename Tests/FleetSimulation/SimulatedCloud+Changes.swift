import Fleet
import NovitaSimulator
import Synchronization

/// Changes of machines, and what the provider does in the background.
extension SimulatedCloud {
    func edit(_ id: UpstreamID, _ edit: MachineEdit, call: CloudCall) async throws(CloudError) {
        let ports = edit.ports.map { ExposedPort(number: $0.port, kind: $0.protocol == .http ? .http : .tcp) }
        _ = try await self.exchange(
            .editInstance(EditRequest(id: id.rawValue, ports: ports, expandRootDisk: edit.addedDiskGB)), call)
    }

    func upgrade(_ id: UpstreamID, _ upgrade: MachineUpgrade, call: CloudCall) async throws(CloudError) {
        var request = UpgradeRequest(
            id: id.rawValue, imageURL: upgrade.image, imageAuthID: upgrade.registryCredentialID, command: upgrade.command,
            entrypoint: upgrade.entrypoint, keepsData: upgrade.keepsData)
        let marks = [OwnershipToken.environmentName: upgrade.token.text, OwnershipToken.updateEnvironmentName: upgrade.mark]
        request.environment = marks.merging(upgrade.environment.values) { mark, _ in mark }.sorted { $0.key < $1.key }
            .map { EnvironmentVariable(key: $0.key, value: $0.value) }
        request.volumes = upgrade.volumes.map { NetworkStorageMount(id: $0.volumeID, mountPoint: $0.mountPath) }
        _ = try await self.exchange(.upgradeInstance(request), call)
    }

    func migrate(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {
        _ = try await self.exchange(.migrateInstance(id: id.rawValue), call)
    }

    func change(_ terms: MachineTerms, of id: UpstreamID, call: CloudCall) async throws(CloudError) {
        let request: TermsRequest =
            switch terms {
            case .monthly(let months): .makeMonthly(id: id.rawValue, months: months)
            case .renewal(let months): .renew(id: id.rawValue, months: months)
            case .automaticRenewal(let months): .autoRenew(ids: [id.rawValue], months: months)
            case .automaticMigration(let isOn, let disk): .autoMigrate(id: id.rawValue, isOn: isOn, includesSystemDisk: disk)
            }
        self.provider.termPriorities.withLock { $0.append(call.priority) }
        do throws(CloudError) {
            _ = try await self.exchange(.changeTerms(request), call)
        } catch {
            var error = error
            error.mayHaveTakenEffect = error.code == .transport || error.code == .unavailable
            throw error
        }
    }

    func saveImage(
        of id: UpstreamID, to image: String, registryCredentialID: String, call: CloudCall
    ) async throws(CloudError) -> UpstreamJobID {
        let request = SaveImageRequest(id: id.rawValue, image: image, registryAuthID: registryCredentialID)
        do throws(CloudError) {
            guard case .job(let job) = try await self.exchange(.saveImage(request), call) else {
                throw CloudError(.malformedReply, "no job")
            }
            return UpstreamJobID(rawValue: job)
        } catch {
            var error = error
            error.mayHaveTakenEffect = error.code == .transport || error.code == .unavailable
            throw error
        }
    }

    func jobs(_ query: UpstreamJobQuery, call: CloudCall) async throws(CloudError) -> [UpstreamJob] {
        var request = JobQuery()
        request.page = PageQuery(size: 100, number: 1)
        request.kind = query.kind?.rawValue ?? ""
        request.id = query.id?.rawValue ?? ""
        request.startTime = query.createdAfter.map { $0.microseconds / 1_000_000 } ?? 0
        guard case .jobs(let jobs, _) = try await self.exchange(.listJobs(request), call) else {
            throw CloudError(.malformedReply, "no jobs")
        }
        return jobs.map { job in
            UpstreamJob(
                id: UpstreamJobID(rawValue: job.id), kind: UpstreamJob.Kind(rawValue: job.kind.rawValue),
                machineID: UpstreamID(rawValue: job.machineID), status: job.state.rawValue, error: job.error,
                createdAt: Timestamp(seconds: job.createdAt.unixSeconds))
        }
    }

    func cancelJob(_ id: UpstreamJobID, call: CloudCall) async throws(CloudError) {
        _ = try await self.exchange(.breakJob(id: id.rawValue), call)
    }

    func metrics(of id: UpstreamID, in window: MetricWindow, call: CloudCall) async throws(CloudError) -> Fleet.MachineMetrics {
        let query = MetricQuery(
            id: id.rawValue, startTime: window.start.microseconds / 1_000_000, endTime: window.end.microseconds / 1_000_000,
            interval: window.interval.components.seconds)
        guard case .metrics(let series) = try await self.exchange(.getMetrics(query), call) else {
            throw CloudError(.malformedReply, "no metrics")
        }
        func points(_ value: (MachineLoad) -> Double) -> [MetricPoint] {
            series.samples.map { MetricPoint(at: Timestamp(seconds: $0.time), percent: value($0.load)) }
        }
        return Fleet.MachineMetrics(
            cpu: points(\.cpu), memory: points(\.memory), gpu: GPUMetrics(average: points(\.gpu)),
            gpuMemory: GPUMetrics(average: points(\.memory)))
    }

    func access(to id: UpstreamID, call: CloudCall) async throws(CloudError) -> MachineAccess? {
        do throws(CloudError) {
            guard case .instance(let machine) = try await self.exchange(.getInstance(id: id.rawValue), call),
                let connection = machine.connection
            else { return MachineAccess() }
            return MachineAccess(sshCommand: "ssh -p \(connection.sshPort) root@proxy.example", sshPassword: connection.sshPassword)
        } catch  where error.code == .notFound {
            return nil
        }
    }

    func bill(
        from start: Timestamp, to end: Timestamp, of id: UpstreamID?, call: CloudCall
    ) async throws(CloudError) -> [Fleet.BillLine] {
        var query = BillQuery()
        query.startTime = start.microseconds / 1_000_000
        query.endTime = end.microseconds / 1_000_000
        query.ownerID = id?.rawValue ?? ""
        guard case .bills(let lines) = try await self.exchange(.listBills(query), call) else {
            throw CloudError(.malformedReply, "no bill")
        }
        return lines.map { line in
            Fleet.BillLine(
                machineID: UpstreamID(rawValue: line.ownerID), productName: line.productName,
                start: Timestamp(seconds: line.start.unixSeconds), end: Timestamp(seconds: line.end.unixSeconds),
                amount: MicroUSD(micros: line.amount))
        }
    }
}
