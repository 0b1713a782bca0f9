internal import Fleet
internal import Traces

extension Tracer {
    /// - Parameters:
    ///   - job: as the step found it.
    ///   - after: as the step left it; nil when that is not known.
    func end(_ span: Span, of job: Job, nowAs after: Job?) {
        var attributes: [SpanRecord.Attribute] {
            var attributes: [SpanRecord.Attribute] = [
                .init(.jobID, job.id.rawValue), .init(.jobType, job.type.rawValue), .init(.jobStep, job.step.name),
                .init(.instanceID, job.instanceID.rawValue), .init(.requestID, job.requestID),
            ]
            if let after { attributes.append(.init(.jobState, after.state.rawValue)) }
            if let failure = Self.failure(job, after) { attributes.append(.init(.errorType, failure)) }
            return attributes
        }
        let status = Self.failure(job, after).map { _ in SpanRecord.Status.error("the step failed or stayed unclear") }
        self.end(span, name: "\(job.type.rawValue) \(job.step.name)", attributes: attributes, status: status ?? .unset)
    }

    /// A word in capitals: why the job failed, or that a call of this step did. What the provider said of it is no attribute.
    private static func failure(_ job: Job, _ after: Job?) -> String? {
        guard let after else { return nil }
        if after.state == .failed { return after.errorReason }
        return after.attemptCount > job.attemptCount ? "ATTEMPT_FAILED" : nil
    }
}
