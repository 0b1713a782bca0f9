package import RPCCore
package import Traces

/// Gives every call a span, under its caller's. A server that traces nothing has none of it on a call's way.
package struct CallTracer: ServerInterceptor {
    private let tracer: Tracer
    private let server: [SpanRecord.Attribute]

    /// - Parameters:
    ///   - address: where the server listens.
    ///   - port: nil for a socket file.
    package init(_ tracer: Tracer, address: String, port: Int?) {
        self.tracer = tracer
        self.server = [.init(.serverAddress, address)] + (port.map { [.init(.serverPort, $0)] } ?? [])
    }

    package func admit(_ context: ServerContext) {
        let parent = TraceContext(context.requestMetadata)
        context.trace = CallTrace(context: self.tracer.place(under: parent), parentID: parent?.spanID)
    }

    package func completed(_ context: ServerContext, _ outcome: CallOutcome) {
        guard let trace = context.trace as? CallTrace, trace.context.isSampled else { return }
        let isFault = outcome.code.isServersFault
        self.tracer.end(
            trace.context, under: trace.parentID, .server, after: outcome.duration, name: context.method.fullName,
            attributes: self.attributes(context, outcome.code, isFault: isFault),
            status: isFault ? .error(outcome.code.description) : .unset)
    }

    private func attributes(_ context: ServerContext, _ code: RPCError.Code, isFault: Bool) -> [SpanRecord.Attribute] {
        let attributes =
            self.server + [
                .init(.rpcSystem, "grpc"), .init(.rpcMethod, context.method.fullName), .init(.rpcStatus, code.description),
                .init(.requestID, context.callID),
            ]
        return isFault ? attributes + [.init(.errorType, code.description)] : attributes
    }
}

/// A traced call's own place.
final class CallTrace: Sendable {
    let context: TraceContext
    /// The caller's span; nil when the trace begins here.
    let parentID: SpanID?

    init(context: TraceContext, parentID: SpanID?) {
        self.context = context
        self.parentID = parentID
    }
}

extension ServerContext {
    /// Where the call stands in its trace: our span, or, when calls are not traced here, the caller's as it came.
    var traceContext: TraceContext? { (self.trace as? CallTrace)?.context ?? TraceContext(self.requestMetadata) }

    /// For what is done on the call's behalf.
    var work: WorkContext { WorkContext(requestID: self.callID, trace: self.traceContext) }
}

extension TraceContext {
    /// nil without a usable `traceparent`: two of them are none.
    package init?(_ metadata: Metadata) {
        var parent: String?
        var state = ""
        for field in metadata.fields {
            guard case .ascii(let text) = field.value else { continue }
            if field.name == Self.parentHeader {
                guard parent == nil else { return nil }
                parent = text
            } else if field.name == Self.stateHeader {
                state += state.isEmpty ? text : ",\(text)"
            }
        }
        guard let parent else { return nil }
        self.init(parent: parent, state: state)
    }
}

extension MethodDescriptor {
    /// As OpenTelemetry names a method: its path without the first slash.
    fileprivate var fullName: String { "\(self.service)/\(self.method)" }
}

extension RPCError.Code {
    /// What makes a server's span one with an error, by OpenTelemetry's conventions for gRPC: the rest is the caller's affair.
    var isServersFault: Bool {
        switch self {
        case .unknown, .deadlineExceeded, .unimplemented, .internal, .unavailable, .dataLoss: true
        case .ok, .cancelled, .invalidArgument, .notFound, .alreadyExists, .permissionDenied, .resourceExhausted, .failedPrecondition,
            .aborted, .outOfRange, .unauthenticated:
            false
        }
    }
}
