package import Logging
package import Traces

/// The fields by which a line is found again: the same name on every line, whoever writes it. `docs/tracing.md` has the table; a test
/// looks for other spellings in the sources.
package enum LogField: String, Sendable, CaseIterable {
    /// What was asked for: the `request_id` of a change, else the call's own id.
    case requestID = "request_id"
    /// One call: the caller's `x-request-id`, else one of ours.
    case callID = "call_id"
    case traceID = "trace_id"
    case spanID = "span_id"
    case jobID = "job_id"
    case instanceID = "instance_id"
    /// The provider's name for a machine.
    case machineID = "machine_id"
    /// What a request to the provider carries as `X-Request-ID`.
    case upstreamRequestID = "upstream_request_id"
}

extension WorkContext {
    /// What goes with every line that the work writes.
    package var logMetadata: Logger.Metadata {
        let values: [(LogField, String?)] = [
            (.requestID, self.requestID), (.jobID, self.jobID), (.instanceID, self.instanceID),
            (.traceID, self.trace?.traceID.description), (.spanID, self.trace?.spanID.description),
        ]
        return Logger.Metadata(
            uniqueKeysWithValues: values.compactMap { field, value in value.map { (field.rawValue, .string($0)) } })
    }
}

extension Logger.MetadataProvider {
    /// The fields of the work that the present task does.
    package static let work = Logger.MetadataProvider { WorkContext.current?.logMetadata ?? [:] }
}
