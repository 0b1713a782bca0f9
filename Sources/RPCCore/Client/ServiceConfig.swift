/// What a service's owner recommends to its clients (grpc/grpc `doc/service_config.md`), for a channel to follow.
package struct ServiceConfig: Sendable, Hashable {
    /// What a configuration applies to.
    package enum Scope: Sendable, Hashable {
        case method(service: String, method: String)
        case service(String)
        case everything
    }

    private var methods: [Scope: MethodConfig] = [:]
    package var retryThrottle: RetryThrottle?

    package init() {}

    /// - Returns: false when the scope has a configuration already.
    @discardableResult
    package mutating func add(_ config: MethodConfig, for scope: Scope) -> Bool {
        guard self.methods[scope] == nil else { return false }
        self.methods[scope] = config
        return true
    }

    /// The most specific configuration; nothing is mixed.
    package func config(of method: MethodDescriptor) -> MethodConfig {
        guard !self.methods.isEmpty else { return MethodConfig() }
        return self.methods[.method(service: method.service, method: method.method)] ?? self.methods[.service(method.service)]
            ?? self.methods[.everything] ?? MethodConfig()
    }
}

/// What is recommended for the calls of one method.
package struct MethodConfig: Sendable, Hashable {
    /// The longest that a call may take; a caller may ask for less.
    package var timeout: Duration?
    package var waitsForReady: Bool?
    /// Bytes of a message.
    package var requestSizeMax: Int?
    package var responseSizeMax: Int?
    package var retryPolicy: RetryPolicy?

    package init() {}

    /// What the caller asks for, where it asks for something, within what is recommended.
    package func applied(to options: CallOptions) -> CallOptions {
        var options = options
        options.timeout = [options.timeout, self.timeout].compactMap(\.self).min()
        options.waitsForReady = options.waitsForReady ?? self.waitsForReady
        return options
    }
}
