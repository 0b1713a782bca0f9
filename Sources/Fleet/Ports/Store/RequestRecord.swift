/// Scope of a request id: tenant and method.
package struct RequestKey: Hashable, Sendable, Codable {
    package var tenant: TenantID
    package var method: String
    package var requestID: String

    package init(tenant: TenantID, method: String, requestID: String) {
        self.tenant = tenant
        self.method = method
        self.requestID = requestID
    }
}

/// What a request id stands for. Kept as long as what it made, and at least 7 days.
package struct RequestRecord: Hashable, Sendable, Codable {
    package var key: RequestKey
    /// Digest of the decoded payload: same id and other digest is another request.
    package var payloadDigest: [UInt8]
    package var instanceID: InstanceID
    package var jobID: JobID
    package var createdAt: Timestamp

    package init(key: RequestKey, payloadDigest: [UInt8], instanceID: InstanceID, jobID: JobID, createdAt: Timestamp) {
        self.key = key
        self.payloadDigest = payloadDigest
        self.instanceID = instanceID
        self.jobID = jobID
        self.createdAt = createdAt
    }
}
