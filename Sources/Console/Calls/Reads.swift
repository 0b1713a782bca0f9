internal import NovitaiProto
internal import RPCCore

// Calls that only read.

struct PlanInstance: ConsoleCall {
    typealias Reply = NovitaiV1.PlanInstanceResponse
    static var method: MethodDescriptor { NovitaiV1.InstanceService.planInstance }

    var spec: SpecForm

    func request() -> NovitaiV1.PlanInstanceRequest {
        var request = NovitaiV1.PlanInstanceRequest()
        request.spec = self.spec.message
        return request
    }
}

struct GetInstance: ConsoleCall {
    typealias Reply = NovitaiV1.Instance
    static var method: MethodDescriptor { NovitaiV1.InstanceService.getInstance }

    var id: String

    func request() -> NovitaiV1.GetInstanceRequest {
        var request = NovitaiV1.GetInstanceRequest()
        request.id = self.id
        return request
    }
}

struct ListInstances: ConsoleCall {
    typealias Reply = NovitaiV1.ListInstancesResponse
    static var method: MethodDescriptor { NovitaiV1.InstanceService.listInstances }

    var pageSize: Int32?
    var pageToken: String?
    var filter: String?
    var orderBy: String?
    var showDeleted: Bool?

    func request() -> NovitaiV1.ListInstancesRequest {
        var request = NovitaiV1.ListInstancesRequest()
        request.pageSize = self.pageSize ?? 0
        request.pageToken = self.pageToken ?? ""
        request.filter = self.filter ?? ""
        request.orderBy = self.orderBy ?? ""
        request.showDeleted = self.showDeleted ?? false
        return request
    }
}

struct GetJob: ConsoleCall {
    typealias Reply = NovitaiV1.Job
    static var method: MethodDescriptor { NovitaiV1.JobService.getJob }

    var id: String

    func request() -> NovitaiV1.GetJobRequest {
        var request = NovitaiV1.GetJobRequest()
        request.id = self.id
        return request
    }
}

struct ListJobs: ConsoleCall {
    typealias Reply = NovitaiV1.ListJobsResponse
    static var method: MethodDescriptor { NovitaiV1.JobService.listJobs }

    var pageSize: Int32?
    var pageToken: String?
    var filter: String?

    func request() -> NovitaiV1.ListJobsRequest {
        var request = NovitaiV1.ListJobsRequest()
        request.pageSize = self.pageSize ?? 0
        request.pageToken = self.pageToken ?? ""
        request.filter = self.filter ?? ""
        return request
    }
}

struct ListProducts: ConsoleCall {
    typealias Reply = NovitaiV1.ListProductsResponse
    static var method: MethodDescriptor { NovitaiV1.CatalogService.listProducts }

    var pageSize: Int32?
    var pageToken: String?

    func request() -> NovitaiV1.ListProductsRequest {
        var request = NovitaiV1.ListProductsRequest()
        request.pageSize = self.pageSize ?? 0
        request.pageToken = self.pageToken ?? ""
        return request
    }
}

struct ListRegions: ConsoleCall {
    typealias Reply = NovitaiV1.ListRegionsResponse
    static var method: MethodDescriptor { NovitaiV1.CatalogService.listRegions }

    func request() -> NovitaiV1.ListRegionsRequest { NovitaiV1.ListRegionsRequest() }
}

struct GetHealth: ConsoleCall {
    typealias Reply = NovitaiV1.Health
    static var method: MethodDescriptor { NovitaiV1.AdminService.getHealth }

    func request() -> NovitaiV1.GetHealthRequest { NovitaiV1.GetHealthRequest() }
}

struct ListAuditEvents: ConsoleCall {
    typealias Reply = NovitaiV1.ListAuditEventsResponse
    static var method: MethodDescriptor { NovitaiV1.AdminService.listAuditEvents }

    var pageSize: Int32?
    var pageToken: String?
    var filter: String?

    func request() -> NovitaiV1.ListAuditEventsRequest {
        var request = NovitaiV1.ListAuditEventsRequest()
        request.pageSize = self.pageSize ?? 0
        request.pageToken = self.pageToken ?? ""
        request.filter = self.filter ?? ""
        return request
    }
}
