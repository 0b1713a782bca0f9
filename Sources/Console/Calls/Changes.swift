internal import NovitaiProto
internal import RPCCore

// Calls that change something. All of them name a request id: the page makes one when it asks for confirmation, so that a second click, or a
// repeat after an answer that was lost, is the same request.

struct CreateInstance: ConsoleCall {
    typealias Reply = NovitaiV1.CreateInstanceResponse
    static var method: MethodDescriptor { NovitaiV1.InstanceService.createInstance }
    static var isChange: Bool { true }

    var requestId: String
    var name: String?
    var spec: SpecForm
    var labels: [String: String]?
    var deletionProtection: Bool?

    func request() throws(Problem) -> NovitaiV1.CreateInstanceRequest {
        var request = NovitaiV1.CreateInstanceRequest()
        request.requestId = try self.requestId.asRequestID
        request.name = self.name ?? ""
        request.spec = self.spec.message
        request.labels = self.labels ?? [:]
        request.deletionProtection = self.deletionProtection ?? false
        return request
    }
}

struct StartInstance: ConsoleCall {
    typealias Reply = NovitaiV1.StartInstanceResponse
    static var method: MethodDescriptor { NovitaiV1.InstanceService.startInstance }
    static var isChange: Bool { true }

    var requestId: String
    var id: String

    func request() throws(Problem) -> NovitaiV1.StartInstanceRequest {
        var request = NovitaiV1.StartInstanceRequest()
        request.requestId = try self.requestId.asRequestID
        request.id = self.id
        return request
    }
}

struct StopInstance: ConsoleCall {
    typealias Reply = NovitaiV1.StopInstanceResponse
    static var method: MethodDescriptor { NovitaiV1.InstanceService.stopInstance }
    static var isChange: Bool { true }

    var requestId: String
    var id: String

    func request() throws(Problem) -> NovitaiV1.StopInstanceRequest {
        var request = NovitaiV1.StopInstanceRequest()
        request.requestId = try self.requestId.asRequestID
        request.id = self.id
        return request
    }
}

struct RestartInstance: ConsoleCall {
    typealias Reply = NovitaiV1.RestartInstanceResponse
    static var method: MethodDescriptor { NovitaiV1.InstanceService.restartInstance }
    static var isChange: Bool { true }

    var requestId: String
    var id: String

    func request() throws(Problem) -> NovitaiV1.RestartInstanceRequest {
        var request = NovitaiV1.RestartInstanceRequest()
        request.requestId = try self.requestId.asRequestID
        request.id = self.id
        return request
    }
}

struct CancelJob: ConsoleCall {
    typealias Reply = NovitaiV1.CancelJobResponse
    static var method: MethodDescriptor { NovitaiV1.JobService.cancelJob }
    static var isChange: Bool { true }

    var requestId: String
    var id: String

    func request() throws(Problem) -> NovitaiV1.CancelJobRequest {
        var request = NovitaiV1.CancelJobRequest()
        request.requestId = try self.requestId.asRequestID
        request.id = self.id
        return request
    }
}

struct RetryJob: ConsoleCall {
    typealias Reply = NovitaiV1.RetryJobResponse
    static var method: MethodDescriptor { NovitaiV1.JobService.retryJob }
    static var isChange: Bool { true }

    var requestId: String
    var id: String

    func request() throws(Problem) -> NovitaiV1.RetryJobRequest {
        var request = NovitaiV1.RetryJobRequest()
        request.requestId = try self.requestId.asRequestID
        request.id = self.id
        return request
    }
}

struct DeleteInstance: ConsoleCall {
    typealias Reply = NovitaiV1.DeleteInstanceResponse
    static var method: MethodDescriptor { NovitaiV1.InstanceService.deleteInstance }
    static var isChange: Bool { true }

    var requestId: String
    var id: String
    var force: Bool?

    func request() throws(Problem) -> NovitaiV1.DeleteInstanceRequest {
        var request = NovitaiV1.DeleteInstanceRequest()
        request.requestId = try self.requestId.asRequestID
        request.id = self.id
        request.force = self.force ?? false
        return request
    }
}

struct SetFreeze: ConsoleCall {
    typealias Reply = NovitaiV1.SetFreezeResponse
    static var method: MethodDescriptor { NovitaiV1.AdminService.setFreeze }
    static var isChange: Bool { true }

    var requestId: String
    var frozen: Bool
    var reason: String?

    func request() throws(Problem) -> NovitaiV1.SetFreezeRequest {
        var request = NovitaiV1.SetFreezeRequest()
        request.requestId = try self.requestId.asRequestID
        request.frozen = self.frozen
        request.reason = self.reason ?? ""
        return request
    }
}

extension String {
    /// The server makes an id up where there is none, and then every click is a request of its own: not from here.
    fileprivate var asRequestID: String {
        get throws(Problem) {
            guard !self.isEmpty else { throw Problem(.invalidArgument, "INVALID_FIELDS", "is empty", field: "requestId") }
            return self
        }
    }
}
