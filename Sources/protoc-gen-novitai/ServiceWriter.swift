/// Writes a service: its descriptors, the protocol a server implements, its registration, and a client.
struct ServiceWriter {
    let types: TypeTable
    let namespace: String
    let service: ServiceSchema

    func write(to text: inout SourceText) {
        text.block("extension \(self.namespace)") { text in
            self.writeDescriptors(to: &text)
            text.line()
            self.writeProtocol(to: &text)
            text.line()
            self.writeClient(to: &text)
        }
        text.line()
        self.writeRegistration(to: &text)
    }

    private func writeDescriptors(to text: inout SourceText) {
        text.document(self.service.comment)
        text.block("package enum \(self.service.name)") { text in
            text.line("package static let name = \"\(self.service.fullName)\"")
            for method in self.service.methods {
                text.document(method.comment)
                text.line(
                    "package static let \(method.swiftName) = MethodDescriptor(service: name, method: \"\(method.name)\", kind: .\(method.kind))"
                )
            }
            let names = self.service.methods.map(\.swiftName).joined(separator: ", ")
            text.line("package static let methods: [MethodDescriptor] = [\(names)]")
        }
    }

    // MARK: Server

    private func writeProtocol(to text: inout SourceText) {
        text.document(self.service.comment)
        text.block("package protocol \(self.service.name)Protocol: Sendable") { text in
            for method in self.service.methods {
                text.document(method.comment)
                text.line("func \(method.swiftName)(\(self.handlerParameters(method))) async throws\(self.handlerResult(method))")
            }
        }
    }

    private func handlerParameters(_ method: MethodSchema) -> String {
        let input = self.types.swiftName(method.input)
        let requests = method.streamsRequests ? "_ requests: RequestStream<\(input)>" : "_ request: \(input)"
        let responses = method.streamsResponses ? ", responses: ResponseWriter<\(self.types.swiftName(method.output))>" : ""
        return "\(requests)\(responses), context: ServerContext"
    }

    private func handlerResult(_ method: MethodSchema) -> String {
        method.streamsResponses ? "" : " -> \(self.types.swiftName(method.output))"
    }

    private func writeRegistration(to text: inout SourceText) {
        text.block("extension \(self.namespace).\(self.service.name)Protocol") { text in
            text.line("/// Makes the service's methods callable.")
            text.block("package func register(in router: inout Router)") { text in
                for method in self.service.methods {
                    let arguments = method.streamsResponses ? "$0, responses: $1, context: $2" : "$0, context: $1"
                    let descriptor = "\(self.namespace).\(self.service.name).\(method.swiftName)"
                    text.line("router.register(\(method.kind): \(descriptor)) { try await self.\(method.swiftName)(\(arguments)) }")
                }
            }
        }
    }

    // MARK: Client

    private func writeClient(to text: inout SourceText) {
        text.document(self.service.comment)
        text.block("package struct \(self.service.name)Client: Sendable") { text in
            text.line("private let channel: any RPCChannel")
            text.line()
            text.line("package init(_ channel: any RPCChannel) { self.channel = channel }")
            for method in self.service.methods {
                text.line()
                text.document(method.comment)
                self.writeClientMethod(method, to: &text)
            }
        }
    }

    private func writeClientMethod(_ method: MethodSchema, to text: inout SourceText) {
        let (input, output) = (self.types.swiftName(method.input), self.types.swiftName(method.output))
        let descriptor = "\(self.service.name).\(method.swiftName)"
        let request = method.streamsRequests ? "" : "_ request: \(input), "
        let argument = method.streamsRequests ? "" : "request, "
        let generics: String
        let body: String
        let result: String
        switch (method.streamsRequests, method.streamsResponses) {
        case (false, false): (generics, body, result) = ("", "", "throws(RPCError) -> \(output)")
        case (false, true):
            (generics, body, result) = ("<Result>", ", _ body: (ResponseStream<\(output)>) async throws -> Result", "throws -> Result")
        case (true, false):
            (generics, body, result) = ("", ", _ body: (RequestWriter<\(input)>) async throws -> Void", "throws -> \(output)")
        case (true, true):
            (generics, body, result) =
                ("<Result>", ", _ body: (RequestWriter<\(input)>, ResponseStream<\(output)>) async throws -> Result", "throws -> Result")
        }
        text.line("package nonisolated(nonsending) func \(method.swiftName)\(generics)(")
        text.line("    \(request)options: CallOptions = CallOptions()\(body)")
        text.block(") async \(result)") { text in
            text.line(
                "try await self.channel.\(method.kind)(\(argument)method: \(descriptor), options: options\(body.isEmpty ? "" : ", body"))")
        }
    }
}

extension MethodSchema {
    var swiftName: String { SwiftName.method(self.name) }

    /// The case of `MethodDescriptor.Kind`, which is also what the router and the channel call their methods.
    var kind: String {
        switch (self.streamsRequests, self.streamsResponses) {
        case (false, false): "unary"
        case (true, false): "clientStreaming"
        case (false, true): "serverStreaming"
        case (true, true): "bidirectionalStreaming"
        }
    }
}
