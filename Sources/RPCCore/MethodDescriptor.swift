/// A method's full name and the shape of its calls.
package struct MethodDescriptor: Hashable, Sendable {
    package enum Kind: Hashable, Sendable, CaseIterable {
        case unary
        case clientStreaming
        case serverStreaming
        case bidirectionalStreaming

        /// One request message, no more and no less.
        package var hasSingleRequest: Bool { self == .unary || self == .serverStreaming }
        /// One response message when the call succeeds.
        package var hasSingleResponse: Bool { self == .unary || self == .clientStreaming }
    }

    /// The full service name, for example `grpc.health.v1.Health`.
    package let service: String
    /// The method's name within its service, for example `Check`.
    package let method: String
    package let kind: Kind

    package init(service: String, method: String, kind: Kind) {
        self.service = service
        self.method = method
        self.kind = kind
    }

    /// The value of `:path`: `/service/method`.
    package var path: String { "/\(self.service)/\(self.method)" }
}
