/// A span that has ended, as it is exported.
package struct SpanRecord: Sendable, Hashable {
    package enum Kind: Sendable, Hashable, CaseIterable {
        /// Work of our own.
        case `internal`
        /// A call that was answered.
        case server
        /// A call that was made.
        case client
    }

    package enum Status: Sendable, Hashable {
        /// Nothing to complain of.
        case unset
        /// - Parameter description: for people, a fixed text: what the other side said may hold anything.
        case error(_ description: String)
    }

    package enum Value: Sendable, Hashable {
        case text(String)
        case integer(Int)
    }

    package struct Attribute: Sendable, Hashable {
        package let name: SpanAttribute
        package let value: Value

        package init(_ name: SpanAttribute, _ text: String) {
            self.name = name
            self.value = .text(text)
        }

        package init(_ name: SpanAttribute, _ number: Int) {
            self.name = name
            self.value = .integer(number)
        }
    }

    package var context: TraceContext
    /// nil for the first span of a trace.
    package var parentID: SpanID?
    package var name: String
    package var kind: Kind
    /// Microseconds since 1970.
    package var startedAt: Int64
    package var endedAt: Int64
    package var attributes: [Attribute]
    package var status: Status

    package init(
        context: TraceContext, parentID: SpanID?, name: String, kind: Kind, startedAt: Int64, endedAt: Int64,
        attributes: [Attribute] = [], status: Status = .unset
    ) {
        self.context = context
        self.parentID = parentID
        self.name = name
        self.kind = kind
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.attributes = attributes
        self.status = status
    }
}

/// What spans say about themselves: the names of OpenTelemetry's semantic conventions 1.41 (RPC, HTTP, general), and ours. A span can say
/// nothing else, so that nothing secret gets into one by accident.
package enum SpanAttribute: String, Sendable, CaseIterable {
    case rpcSystem = "rpc.system.name"
    case rpcMethod = "rpc.method"
    case rpcStatus = "rpc.response.status_code"
    case serverAddress = "server.address"
    case serverPort = "server.port"
    case httpMethod = "http.request.method"
    case httpStatus = "http.response.status_code"
    /// How often the request was sent before.
    case httpResendCount = "http.request.resend_count"
    /// Without a query, which may hold anything.
    case urlFull = "url.full"
    case urlTemplate = "url.template"
    case errorType = "error.type"
    case requestID = "novitai.request.id"
    case jobID = "novitai.job.id"
    case jobType = "novitai.job.type"
    case jobStep = "novitai.job.step"
    case jobState = "novitai.job.state"
    case instanceID = "novitai.instance.id"
}
