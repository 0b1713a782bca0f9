/// A refusal as the API words it: HTTP status, symbolic name, text.
package struct APIError: Error, Hashable, Sendable {
    /// HTTP status, 400...599.
    package var status: Int
    /// The symbolic name, such as `VALIDATOR_PARAM`.
    package var reason: String
    /// Text for people.
    package var message: String
    /// Seconds for the `Retry-After` header; nil sends no such header.
    package var retryAfter: Int?

    package init(status: Int, reason: String, message: String, retryAfter: Int? = nil) {
        self.status = status
        self.reason = reason
        self.message = message
        self.retryAfter = retryAfter
    }

    package static func invalid(_ field: String, _ rule: String) -> Self {
        Self(status: 400, reason: "VALIDATOR_PARAM", message: "invalid \(field): \(rule)")
    }

    package static let insufficientResource = Self(status: 400, reason: "INSUFFICIENT_RESOURCE", message: "insufficient resource")

    /// The live API says this with a plain 400; the symbolic name is not known, the text is.
    package static let invalidStateChange = Self(status: 400, reason: "CONFLICT", message: "invalid state change")

    static let unsupportedBillingMode = Self(status: 400, reason: "UNSUPPORTED_BILLING_MODE", message: "unsupported billing mode")
    static let balanceNotEnough = Self(status: 400, reason: "BALANCE_NOT_ENOUGH", message: "balance not enough")
    static let instanceLimit = Self(status: 400, reason: "CREATE_INSTANCE_LIMIT", message: "the number of instances has reached the limit")
    static let prepaidRelease = Self(
        status: 400, reason: "PREPAID_INSTANCE_NOT_SUPPORT_RELEASE", message: "a monthly instance cannot be released before its end")
    static let productNotFound = Self(status: 400, reason: "RESOURCE_NOT_FOUND", message: "product not found")
    static let storageNotFound = Self(status: 400, reason: "NETWORK_STORAGE_NOT_FOUND", message: "network storage not found")
    static let networkNotFound = Self(status: 400, reason: "NETWORK_NOT_FOUND", message: "network not found")

    static let storageElsewhere = Self(
        status: 400, reason: "NETWORK_STORAGE_UNAVAILABLE", message: "the network storage is in another cluster")
    static let storageNotSupported = Self(
        status: 400, reason: "CUR_CLUSTER_NETWORK_STORAGE_NOT_SUPPORT", message: "the cluster does not support network storage")
    static let storageInUse = Self(status: 400, reason: "NETWORK_STORAGE_IN_USE", message: "network storage in use")
    static let networkInUse = Self(status: 400, reason: "NETWORK_IN_USE", message: "network in use")
    static let networkLimit = Self(status: 400, reason: "NETWORK_MAX_LIMIT", message: "the number of networks has reached the limit")
    static let credentialNotFound = Self(status: 400, reason: "RESOURCE_NOT_FOUND", message: "image auth not found")
    static let credentialInUse = Self(status: 400, reason: "IMAGE_AUTH_IN_USE", message: "image auth in use")
    static let templateNotFound = Self(status: 400, reason: "TEMPLATE_NOT_FOUND", message: "template not found")
    static let templateIsNotYours = Self(status: 400, reason: "TEMPLATE_IS_PRIVATE", message: "the template is somebody else's")
    static let prewarmNotFound = Self(status: 400, reason: "RESOURCE_NOT_FOUND", message: "image prewarm not found")
    static let operationLimit = Self(status: 400, reason: "OPERATION_LIMIT", message: "the number of tasks has reached the limit")
    static let jobNotFound = Self(status: 400, reason: "JOB_NOT_FOUND", message: "job not found")
    static let migrateInsufficientResource = Self(
        status: 400, reason: "MIGRATE_INSUFFICIENT_RESOURCE", message: "insufficient resource to migrate")
    static let creatingNotRenewable = Self(
        status: 400, reason: "CREATING_INSTANCE_NOT_SUPPORT_RENEWAL", message: "an instance that is being created cannot be renewed")

    static func rateLimited(retryAfter: Int?) -> Self {
        Self(status: 429, reason: "RATE_LIMIT_EXCEEDED", message: "rate limit exceeded", retryAfter: retryAfter)
    }

    /// The usual name and text for a bare HTTP status.
    package static func named(by status: Int) -> Self {
        let (reason, message) =
            switch status {
            case 401: ("UNAUTHORIZED", "unauthorized")
            case 403: ("FORBIDDEN", "forbidden")
            case 404: ("RESOURCE_NOT_FOUND", "resource not found")
            case 409: ("CONFLICT", "conflict")
            case 429: ("RATE_LIMIT_EXCEEDED", "rate limit exceeded")
            case 400..<500: ("REQUEST", "request failed")
            case 502: ("UNKNOWN", "bad gateway")
            case 503: ("UNKNOWN", "service unavailable")
            case 504: ("UNKNOWN", "gateway timeout")
            default: ("UNKNOWN", "unknown error")
            }
        return Self(status: status, reason: reason, message: message)
    }
}
