internal import NovitaiProto
package import RPCCore

/// The standard reflection service, version 1 and the older v1alpha (grpc/grpc `doc/server-reflection.md`).
package struct ReflectionService: Sendable {
    typealias Request = GrpcReflectionV1.ServerReflectionRequest
    typealias Response = GrpcReflectionV1.ServerReflectionResponse

    private static let methods = [
        GrpcReflectionV1.ServerReflection.serverReflectionInfo, GrpcReflectionV1Alpha.ServerReflection.serverReflectionInfo,
    ]

    private let index: DescriptorIndex
    /// Full names, sorted.
    private let services: [String]

    /// Registers both versions. To be called last: what is registered later is not listed.
    package static func register(in router: inout Router, _ index: DescriptorIndex) {
        let services = Set(router.services + self.methods.map(\.service)).sorted()
        let service = ReflectionService(index: index, services: services)
        // The messages of the two versions are the same on the wire, so those of version 1 serve both.
        for method in self.methods {
            router.register(bidirectionalStreaming: method) { requests, responses, _ in try await service.answer(requests, responses) }
        }
    }

    private func answer(_ requests: RequestStream<Request>, _ responses: ResponseWriter<Response>) async throws {
        var conversation = ReflectionConversation(index: self.index, services: self.services)
        for try await request in requests { try await responses.write(conversation.answer(request)) }
    }
}

/// One stream's questions and answers: a value without I/O.
struct ReflectionConversation {
    typealias Request = ReflectionService.Request
    typealias Response = ReflectionService.Response

    private let index: DescriptorIndex
    private let services: [String]
    /// Names of the files that the client has.
    private var sent: Set<String> = []

    init(index: DescriptorIndex, services: [String]) {
        self.index = index
        self.services = services
    }

    /// What is not known is answered within the stream, which goes on.
    ///
    /// - Throws: INVALID_ARGUMENT, which ends the stream, for a request that asks nothing.
    mutating func answer(_ request: Request) throws(RPCError) -> Response {
        var response = Response()
        response.validHost = request.host
        response.originalRequest = request
        response.messageResponse =
            switch request.messageRequest {
            case .fileByFilename(let name): self.files(self.index.file(named: name), "file", name)
            case .fileContainingSymbol(let symbol): self.files(self.index.file(declaring: symbol), "symbol", symbol)
            case .fileContainingExtension(let wanted):
                self.files(
                    self.index.file(extending: wanted.containingType, number: wanted.extensionNumber), "extension",
                    "\(wanted.extensionNumber) of \(wanted.containingType)")
            case .allExtensionNumbersOfType(let type): self.extensionNumbers(of: type)
            case .listServices: .listServicesResponse(self.serviceList)
            case nil: throw ErrorDetails(.invalidArgument, "NO_QUESTION", "the request asks nothing that this server knows").error
            }
        return response
    }

    /// The file, and what it imports as far as the client does not have it.
    private mutating func files(_ file: DescriptorIndex.File?, _ kind: String, _ name: String) -> Response.MessageResponseOneOf {
        guard let file else { return Self.notFound(kind, name) }
        let wanted = self.index.closure(of: file).filter { $0.name == file.name || !self.sent.contains($0.name) }
        self.sent.formUnion(wanted.map(\.name))
        var response = GrpcReflectionV1.FileDescriptorResponse()
        response.fileDescriptorProto = wanted.map(\.bytes)
        return .fileDescriptorResponse(response)
    }

    private func extensionNumbers(of type: String) -> Response.MessageResponseOneOf {
        guard let numbers = self.index.extensionNumbers(of: type) else { return Self.notFound("type", type) }
        var response = GrpcReflectionV1.ExtensionNumberResponse()
        response.baseTypeName = type
        response.extensionNumber = numbers
        return .allExtensionNumbersResponse(response)
    }

    private var serviceList: GrpcReflectionV1.ListServiceResponse {
        var response = GrpcReflectionV1.ListServiceResponse()
        response.service = self.services.map {
            var service = GrpcReflectionV1.ServiceResponse()
            service.name = $0
            return service
        }
        return response
    }

    private static func notFound(_ kind: String, _ name: String) -> Response.MessageResponseOneOf {
        var error = GrpcReflectionV1.ErrorResponse()
        error.errorCode = Int32(RPCError.Code.notFound.rawValue)
        error.errorMessage = "unknown \(kind) \(ErrorDetails.shortened(name, to: 256))"
        return .errorResponse(error)
    }
}
