internal import NovitaSimulator

/// Background jobs, metrics, bills and CPU products, as the API words them.
extension WireStyle {
    func json(of jobs: [ProviderJob], total: Int) -> JSONValue {
        ["jobs": .array(jobs.map(Self.json(of:))), "total": self.total(total)]
    }

    private static func json(of job: ProviderJob) -> JSONValue {
        [
            "Id": .string(job.id), "user": "9d1f0000-0000-4000-8000-000000000001", "type": .string(job.kind.rawValue),
            "state": [
                "state": .string(job.state.rawValue), "error": .string(job.error.isEmpty ? "" : "JOB_FAILED"),
                "errorMessage": .string(job.error),
            ],
            "envs": [], "logAddress": .string("https://logs.gpu-instance.novita.ai/job/\(job.id)"),
            "createdAt": self.seconds(job.createdAt), "instanceId": .string(job.machineID),
        ]
    }

    /// The GPUs of a machine are equally busy.
    func json(of series: MachineSeries) -> JSONValue {
        func points(_ value: (MachineLoad) -> Double) -> JSONValue {
            .array(series.samples.map { ["timestamp": self.long($0.time), "value": .number(value($0.load))] })
        }
        func gpus(_ value: @escaping (MachineLoad) -> Double) -> JSONValue {
            let each = (0..<series.gpuCount).map { number -> JSONValue in ["gpuId": .string(String(number)), "items": points(value)] }
            return ["avg": points(value), "gpuIds": .array(series.samples.isEmpty ? [] : each)]
        }
        return [
            "cpuUtilization": points(\.cpu), "memUtilization": points(\.memory), "rootDiskUtilization": points { _ in 20 },
            "gpuUtilization": gpus(\.gpu), "gpuMemUtilization": gpus(\.memory),
        ]
    }

    /// In 1/10 000 USD.
    func json(of bills: [BillLine]) -> JSONValue {
        [
            "bills": .array(
                bills.map { line in
                    let amount = JSONValue.string(String(line.amount / 100))
                    return [
                        "startTime": Self.seconds(line.start), "endTime": Self.seconds(line.end), "productName": .string(line.productName),
                        "ownerID": .string(line.ownerID), "amount": amount, "payAmount": amount, "pricePrecision": "10000",
                    ]
                })
        ]
    }

    func jsonOfCPU(_ offer: ProductOffer) -> JSONValue {
        let product = offer.product
        return [
            "id": .string(product.id), "name": .string(product.name), "cpuNum": .integer(Int64(product.cpuPerGPU)),
            "memorySize": .integer(Int64(product.memoryPerGPU)), "rootfsSize": .integer(Int64(product.diskPerGPU)),
            "localVolumeSize": 0, "availableDeploy": .bool(offer.isDeployable), "price": self.long(product.price),
        ]
    }
}
