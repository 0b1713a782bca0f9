package import OTLPProto
package import Traces

/// Who the spans are of: OpenTelemetry's resource.
package struct TraceResource: Sendable, Hashable {
    package var serviceName: String
    package var serviceVersion: String
    /// Apart from others of the same service.
    package var serviceInstance: String

    package init(serviceName: String, serviceVersion: String, serviceInstance: String) {
        self.serviceName = serviceName
        self.serviceVersion = serviceVersion
        self.serviceInstance = serviceInstance
    }
}

package typealias ExportRequest = OpentelemetryProtoCollectorTraceV1.ExportTraceServiceRequest
package typealias ExportResponse = OpentelemetryProtoCollectorTraceV1.ExportTraceServiceResponse

extension ExportRequest {
    package init(_ spans: [SpanRecord], of resource: TraceResource) {
        var scope = OpentelemetryProtoTraceV1.ScopeSpans()
        scope.scope = OpentelemetryProtoCommonV1.InstrumentationScope()
        scope.scope?.name = "novitai"
        scope.scope?.version = resource.serviceVersion
        scope.spans = spans.map(OpentelemetryProtoTraceV1.Span.init)
        var whole = OpentelemetryProtoTraceV1.ResourceSpans()
        whole.resource = OpentelemetryProtoResourceV1.Resource()
        whole.resource?.attributes = [
            .init("service.name", .text(resource.serviceName)), .init("service.version", .text(resource.serviceVersion)),
            .init("service.instance.id", .text(resource.serviceInstance)),
        ]
        whole.scopeSpans = [scope]
        self.init()
        self.resourceSpans = [whole]
    }
}

extension OpentelemetryProtoTraceV1.Span {
    private static let sampledFlag: UInt32 = 1

    fileprivate init(_ span: SpanRecord) {
        self.init()
        self.traceId = span.context.traceID.bytes
        self.spanId = span.context.spanID.bytes
        self.parentSpanId = span.parentID?.bytes ?? []
        self.traceState = span.context.state
        self.flags = span.context.isSampled ? Self.sampledFlag : 0
        self.name = span.name
        self.kind =
            switch span.kind {
            case .internal: .internal
            case .server: .server
            case .client: .client
            }
        self.startTimeUnixNano = Self.nanoseconds(span.startedAt)
        self.endTimeUnixNano = Self.nanoseconds(span.endedAt)
        self.attributes = span.attributes.map { .init($0.name.rawValue, $0.value) }
        if case .error(let description) = span.status {
            var status = OpentelemetryProtoTraceV1.Status()
            status.code = .error
            status.message = description
            self.status = status
        }
    }

    private static func nanoseconds(_ microseconds: Int64) -> UInt64 { UInt64(clamping: microseconds) * 1000 }
}

extension OpentelemetryProtoCommonV1.KeyValue {
    fileprivate init(_ key: String, _ value: SpanRecord.Value) {
        self.init()
        self.key = key
        var any = OpentelemetryProtoCommonV1.AnyValue()
        any.value =
            switch value {
            case .text(let text): .stringValue(text)
            case .integer(let number): .intValue(Int64(number))
            }
        self.value = any
    }
}
