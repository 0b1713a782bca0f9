/// On whose behalf a task works. It goes with the task and its children, so that whatever they log or call says for whom, without every
/// function between passing it on. Nothing is decided by it.
package struct WorkContext: Sendable, Hashable {
    @TaskLocal package static var current: WorkContext?

    /// Names what was asked for: the `request_id` of a change, else the call's own id.
    package var requestID: String
    package var jobID: String?
    package var instanceID: String?
    /// The span that the work is done in, or where it came from when none is kept here.
    package var trace: TraceContext?

    package init(requestID: String, jobID: String? = nil, instanceID: String? = nil, trace: TraceContext? = nil) {
        self.requestID = requestID
        self.jobID = jobID
        self.instanceID = instanceID
        self.trace = trace
    }
}
