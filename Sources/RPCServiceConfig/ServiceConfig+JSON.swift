internal import JSONText
package import RPCCore

/// Why a text is no service config.
package struct ServiceConfigError: Error, Equatable, CustomStringConvertible {
    /// Where, as `methodConfig[0].retryPolicy.maxAttempts`; empty for the whole text.
    package let field: String
    package let reason: String

    package var description: String { self.field.isEmpty ? self.reason : "\(self.field) \(self.reason)" }
}

extension ServiceConfig {
    /// A service config as it is published (grpc/grpc `doc/service_config.md`, grpc-proto `service_config.proto`). Fields that are not known
    /// here are left out, as the specification wants it; a known one that is wrong makes the whole wrong.
    package init(json text: String) throws(ServiceConfigError) {
        let json: JSON
        do throws(JSONError) { json = try JSON(parsing: Array(text.utf8)) } catch {
            throw ServiceConfigError(field: "", reason: "is not JSON: \(error.message) at byte \(error.offset)")
        }
        try self.init(ConfigReader(json, at: ""))
    }

    private init(_ reader: ConfigReader) throws(ServiceConfigError) {
        self.init()
        for entry in try reader.list("methodConfig") {
            let config = try MethodConfig(entry)
            for name in try entry.list("name") {
                let scope = try Scope(name)
                guard self.add(config, for: scope) else { throw name.error("is given twice") }
            }
        }
        if let throttling = try reader.object("retryThrottling") { self.retryThrottle = try RetryThrottle(throttling) }
    }
}

extension ServiceConfig.Scope {
    fileprivate init(_ reader: ConfigReader) throws(ServiceConfigError) {
        let service = try reader.string("service") ?? ""
        let method = try reader.string("method") ?? ""
        switch (service.isEmpty, method.isEmpty) {
        case (true, true): self = .everything
        case (false, true): self = .service(service)
        case (false, false): self = .method(service: service, method: method)
        case (true, false): throw reader.error("names a method without a service")
        }
    }
}

extension MethodConfig {
    fileprivate init(_ reader: ConfigReader) throws(ServiceConfigError) {
        self.init()
        self.timeout = try reader.duration("timeout")
        self.waitsForReady = try reader.bool("waitForReady")
        self.requestSizeMax = try reader.size("maxRequestMessageBytes")
        self.responseSizeMax = try reader.size("maxResponseMessageBytes")
        guard let policy = try reader.object("retryPolicy") else { return }
        guard try reader.object("hedgingPolicy") == nil else { throw reader.error("has both a retryPolicy and a hedgingPolicy") }
        self.retryPolicy = try RetryPolicy(policy)
    }
}

extension RetryPolicy {
    fileprivate init(_ reader: ConfigReader) throws(ServiceConfigError) {
        guard let attempts = try reader.number("maxAttempts"), attempts >= 2, attempts == attempts.rounded(), attempts <= 1000 else {
            throw reader.error("maxAttempts", "must be an integer from 2 to 1000")
        }
        guard let initial = try reader.duration("initialBackoff"), initial > .zero else {
            throw reader.error("initialBackoff", "must be a duration above 0s")
        }
        guard let maximum = try reader.duration("maxBackoff"), maximum > .zero else {
            throw reader.error("maxBackoff", "must be a duration above 0s")
        }
        guard let multiplier = try reader.number("backoffMultiplier"), multiplier > 0, multiplier.isFinite else {
            throw reader.error("backoffMultiplier", "must be above 0")
        }
        var codes: Set<RPCError.Code> = []
        for entry in try reader.list("retryableStatusCodes") { codes.insert(try entry.code()) }
        guard !codes.isEmpty else { throw reader.error("retryableStatusCodes", "must have an entry") }
        self.init(
            attemptsMax: Int(attempts), backoff: Backoff(initial: initial, multiplier: multiplier, maximum: maximum), retryableCodes: codes)
    }
}

extension RetryThrottle {
    fileprivate init(_ reader: ConfigReader) throws(ServiceConfigError) {
        guard let tokens = try reader.number("maxTokens"), (1...1000).contains(tokens), tokens == tokens.rounded() else {
            throw reader.error("maxTokens", "must be an integer from 1 to 1000")
        }
        guard let ratio = try reader.number("tokenRatio"), ratio > 0, ratio.isFinite else {
            throw reader.error("tokenRatio", "must be above 0")
        }
        self.init(tokensMax: Int(tokens), tokenRatio: ratio)
    }
}
