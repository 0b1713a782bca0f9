internal import Console
internal import FoundationEssentials
internal import HTTPTypes
package import Hummingbird
internal import NIOCore
internal import NovitaiProto
package import RPCCore

/// The HTTP/1 face of a server that is reached by RPC alone: what it answers is what any client would see, and a hung server shows as
/// unhealthy.
package struct SidecarRoutes: Sendable {
    /// Longer than any healthy answer, shorter than an orchestrator's probe timeout (commonly 5 s).
    static let callTimeout: Duration = .seconds(2)

    /// Pages are told every few seconds, all of them the same.
    private static let pageReportAge: Duration = .seconds(1)

    private let health: SharedAnswer<HealthReport>
    /// Nil when the server does not answer.
    private let serverMetrics: SharedAnswer<String?>
    private let channel: any RPCChannel
    private let isLoopback: Bool
    let metrics = SidecarMetrics()

    /// - Parameters:
    ///   - token: the bearer token for the server, if it wants one.
    ///   - isLoopback: whether the sidecar is reached from this machine only.
    package init(channel: any RPCChannel, token: String?, isLoopback: Bool) throws(RPCError) {
        let admin = NovitaiV1.AdminServiceClient(channel)
        var options = CallOptions(timeout: Self.callTimeout)
        if let token { try options.metadata.append("Bearer \(token)", for: "authorization") }
        self.health = SharedAnswer { [options] in await Self.health(of: admin, options) }
        self.serverMetrics = SharedAnswer { [options] in try? await admin.getMetrics(NovitaiV1.GetMetricsRequest(), options: options).text }
        self.channel = channel
        self.isLoopback = isLoopback
    }

    package func router() -> Hummingbird.Router<BasicRequestContext> {
        let router = Hummingbird.Router()
        router.get("livez") { _, _ in self.answer("/livez", .ok, "alive\n", "text/plain; charset=utf-8") }
        router.get("readyz") { _, _ in
            let isReady = await self.health.value().isReady
            return self.answer(
                "/readyz", isReady ? .ok : .serviceUnavailable, isReady ? "ready\n" : "not ready\n", "text/plain; charset=utf-8")
        }
        router.get("health") { _, _ in
            let report = await self.health.value()
            let body = try report.json(.prettyPrinted) + "\n"
            return self.answer("/health", report.status == .unhealthy ? .serviceUnavailable : .ok, body, "application/json")
        }
        router.get("metrics") { request, _ in
            let server = await self.serverMetrics.value()
            let text = (server ?? "") + self.metrics.text(isUp: server != nil)
            guard OpenMetricsText.isWanted(accept: request.headers[.accept]) else {
                return self.answer("/metrics", .ok, text, "text/plain; version=0.0.4; charset=utf-8")
            }
            return self.answer("/metrics", .ok, OpenMetricsText.converted(text), OpenMetricsText.contentType)
        }
        ConsoleRoutes(channel: self.channel, isLoopback: self.isLoopback) {
            // A report of ours can always be written.
            (try? await self.health.value(noOlderThan: Self.pageReportAge).json()) ?? "{}"
        }.add(to: router)
        return router
    }

    private static func health(of admin: NovitaiV1.AdminServiceClient, _ options: CallOptions) async -> HealthReport {
        do throws(RPCError) {
            return HealthReport(try await admin.getHealth(NovitaiV1.GetHealthRequest(), options: options))
        } catch {
            return HealthReport(unreachable: "\(error.code): \(error.message)")
        }
    }

    private func answer(_ path: String, _ status: HTTPResponse.Status, _ body: String, _ contentType: String) -> Response {
        self.metrics.count(path: path, status: status.code)
        return Response(
            status: status, headers: [.contentType: contentType, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
    }
}
