import NovitaiProto
import RPCCore
import Testing

@testable import novitai

@Suite("What the command line calls again")
struct RetriesTests {
    @Test(
        "reads, and changes that carry a request id",
        arguments: [
            NovitaiV1.InstanceService.getInstance, NovitaiV1.InstanceService.listInstances, NovitaiV1.InstanceService.planInstance,
            NovitaiV1.InstanceService.watchInstances, NovitaiV1.InstanceService.createInstance, NovitaiV1.InstanceService.deleteInstance,
            NovitaiV1.InstanceService.startInstance, NovitaiV1.InstanceService.stopInstance, NovitaiV1.InstanceService.restartInstance,
            NovitaiV1.JobService.getJob, NovitaiV1.JobService.listJobs, NovitaiV1.JobService.waitJob, NovitaiV1.JobService.watchJobs,
            NovitaiV1.JobService.cancelJob, NovitaiV1.JobService.retryJob, NovitaiV1.JobService.listQueues,
            NovitaiV1.JobService.pauseQueue, NovitaiV1.JobService.resumeQueue, NovitaiV1.CatalogService.listProducts,
            NovitaiV1.CatalogService.listRegions, NovitaiV1.AdminService.getServerInfo, NovitaiV1.AdminService.getHealth,
            NovitaiV1.AdminService.getMetrics, NovitaiV1.AdminService.setFreeze, NovitaiV1.AdminService.activateDeployment,
            NovitaiV1.AdminService.listAuditEvents, NovitaiV1.AdminService.listCaches, NovitaiV1.AdminService.clearCache,
        ])
    func repeated(_ method: MethodDescriptor) throws {
        let policy = try #require(try Retries.policy().config(of: method).retryPolicy)
        #expect(policy.retryableCodes == [.unavailable] && policy.attemptsMax == 4)
    }

    @Test("nothing else: a reconciliation has no request id")
    func notRepeated() throws {
        #expect(try Retries.policy().config(of: NovitaiV1.AdminService.reconcileInstances).retryPolicy == nil)
    }

    @Test("every change has a request id of its own unless the caller gives one")
    func requestIDs() {
        #expect(Retries.requestID("mine") == "mine")
        let fresh = (0..<100).map { _ in Retries.requestID("") }
        #expect(Set(fresh).count == 100)
        #expect(fresh.allSatisfy { (1...64).contains($0.utf8.count) })
    }
}
