package import NovitaiProto
package import RPCCore

/// The standard health service (grpc/grpc `doc/health-checking.md`).
package struct HealthService: GrpcHealthV1.HealthProtocol {
    /// Services in an answer of `List`; the standard lets a server refuse more.
    package static let listedMax = 100

    private let registry: HealthRegistry

    package init(_ registry: HealthRegistry) {
        self.registry = registry
    }

    package func check(
        _ request: GrpcHealthV1.HealthCheckRequest, context: ServerContext
    ) async throws -> GrpcHealthV1.HealthCheckResponse {
        guard let status = self.registry.status(of: request.service) else {
            throw ErrorDetails(.notFound, "UNKNOWN_SERVICE", "unknown service \(request.service)").error
        }
        return .init(status)
    }

    package func list(_ request: GrpcHealthV1.HealthListRequest, context: ServerContext) async throws -> GrpcHealthV1.HealthListResponse {
        let statuses = self.registry.statuses
        guard statuses.count <= Self.listedMax else {
            throw ErrorDetails(.resourceExhausted, "TOO_MANY_SERVICES", "there are more than \(Self.listedMax) services").error
        }
        var response = GrpcHealthV1.HealthListResponse()
        response.statuses = statuses.mapValues { .init($0) }
        return response
    }

    package func watch(
        _ request: GrpcHealthV1.HealthCheckRequest, responses: ResponseWriter<GrpcHealthV1.HealthCheckResponse>, context: ServerContext
    ) async throws {
        do {
            try await context.unlessAskedToEnd {
                try await self.registry.watch(request.service) { status in try await responses.write(.init(status ?? .serviceUnknown)) }
            }
            throw ErrorDetails.draining.error
        } catch is HealthRegistry.ShutDown {
            throw ErrorDetails.draining.error
        } catch is HealthRegistry.TooManyWatchers {
            throw ErrorDetails(
                .resourceExhausted, "TOO_MANY_WATCHERS", "\(HealthRegistry.watchersMax) watches of the health are open already"
            ).error
        }
    }
}

extension GrpcHealthV1.HealthCheckResponse {
    fileprivate init(_ status: ServingStatus) {
        self.init()
        self.status = status
    }
}
