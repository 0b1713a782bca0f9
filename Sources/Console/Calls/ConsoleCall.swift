internal import FoundationEssentials
internal import ProtobufJSON
internal import RPCCore

/// A call of the API that the page may make, as the page writes it: the message's fields, named as protobuf's JSON names them. Only what the
/// page uses is there; a name that means nothing is passed over.
protocol ConsoleCall: Decodable, Sendable {
    associatedtype Request: RPCMessage
    associatedtype Reply: RPCMessage

    static var method: MethodDescriptor { get }
    /// Whether it changes something.
    static var isChange: Bool { get }

    func request() throws(Problem) -> Request
}

extension ConsoleCall {
    static var isChange: Bool { false }

    /// Makes the call that the body describes.
    ///
    /// - Returns: the reply as JSON.
    static func answer(_ body: [UInt8], _ channel: any RPCChannel, _ options: CallOptions) async throws(Problem) -> String {
        let request = try Self.decode(body).request()
        do throws(RPCError) {
            let reply: Reply = try await channel.unary(request, method: Self.method, options: options)
            return MessageJSON(reply, .compact).text
        } catch {
            throw Problem(error)
        }
    }

    private static func decode(_ body: [UInt8]) throws(Problem) -> Self {
        do {
            return try JSONDecoder().decode(Self.self, from: Data(body))
        } catch DecodingError.keyNotFound(let key, let context) {
            throw Problem(.invalidArgument, "INVALID_FIELDS", "is missing", field: Self.path(context.codingPath + [key]))
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            throw Problem(.invalidArgument, "INVALID_FIELDS", "is of another type", field: Self.path(context.codingPath))
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw Problem(.invalidArgument, "INVALID_FIELDS", context.debugDescription, field: Self.path(context.codingPath))
        } catch {
            throw Problem(.invalidArgument, "INVALID_JSON", "the body is not the JSON of a request")
        }
    }

    /// `spec.ports[0].port`
    private static func path(_ keys: [any CodingKey]) -> String {
        keys.reduce("") { path, key in
            if let index = key.intValue { return "\(path)[\(index)]" }
            return path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
        }
    }
}

/// Every call that the page may make, by the name of its method.
enum ConsoleCalls {
    static let all: [any ConsoleCall.Type] = [
        PlanInstance.self, CreateInstance.self, GetInstance.self, ListInstances.self, StartInstance.self, StopInstance.self,
        RestartInstance.self, DeleteInstance.self, GetJob.self, ListJobs.self, CancelJob.self, RetryJob.self, ListProducts.self,
        ListRegions.self, GetHealth.self, ListAuditEvents.self, SetFreeze.self,
    ]

    static let byMethod = Dictionary(uniqueKeysWithValues: all.map { ($0.method.method, $0) })
}
