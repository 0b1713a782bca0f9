import NovitaiProto
import ProtobufWire
import RPCCore
import Synchronization
import Testing

@testable import Services

private typealias Request = GrpcReflectionV1.ServerReflectionRequest
private typealias Response = GrpcReflectionV1.ServerReflectionResponse
private typealias Question = Request.MessageRequestOneOf

@Suite("grpc.reflection") struct ReflectionTests {
    private let index: DescriptorIndex

    init() throws {
        self.index = try DescriptorIndex(descriptorSet: NovitaiProto.descriptorSet)
    }

    @Test(
        "a symbol is found in the file that declares it, with a leading dot or without",
        arguments: [
            ("novitai.v1.InstanceService", "novitai/v1/instance.proto"),
            ("novitai.v1.InstanceService.CreateInstance", "novitai/v1/instance.proto"),
            ("novitai.v1.InstanceSpec", "novitai/v1/instance.proto"),
            ("novitai.v1.InstanceSpec.gpu_count", "novitai/v1/instance.proto"),
            ("novitai.v1.InstanceSpec.EnvironmentEntry", "novitai/v1/instance.proto"),
            ("novitai.v1.InstanceState", "novitai/v1/instance.proto"),
            // A value stands in the scope around its enum.
            ("novitai.v1.INSTANCE_STATE_RUNNING", "novitai/v1/instance.proto"),
            ("grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"),
            ("grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"),
            ("google.rpc.QuotaFailure.Violation.subject", "google/rpc/error_details.proto"),
            ("grpc.reflection.v1.ServerReflectionRequest.message_request", "grpc/reflection/v1/reflection.proto"),
        ])
    func symbols(_ symbol: String, in file: String) throws {
        for name in [symbol, ".\(symbol)"] { #expect(try self.firstFile(.fileContainingSymbol(name)) == file) }
    }

    @Test(
        "what is not known is answered within the stream",
        arguments: [
            .fileByFilename("novitai/v1/none.proto"), .fileByFilename(""), .fileContainingSymbol("novitai.v1.None"),
            .fileContainingSymbol(""), .fileContainingSymbol("novitai.v1.InstanceState.INSTANCE_STATE_RUNNING"),
            .fileContainingSymbol("novitai.v1"), .fileContainingExtension(Self.extensionRequest("novitai.v1.Instance", 1000)),
            .allExtensionNumbersOfType("novitai.v1.None"),
        ] as [Question])
    fileprivate func unknown(_ question: Question) throws {
        var conversation = self.conversation()
        let response = try conversation.answer(Self.request(question))
        guard case .errorResponse(let error) = response.messageResponse else {
            Issue.record("no error: \(response)")
            return
        }
        #expect(error.errorCode == Int32(RPCError.Code.notFound.rawValue))
        #expect(!error.errorMessage.isEmpty)
        #expect(try Self.files(conversation.answer(Self.request(.fileByFilename("novitai/v1/types.proto")))).count == 2)
    }

    @Test("a request that asks nothing ends the stream")
    func nothing() {
        var conversation = self.conversation()
        let error = #expect(throws: RPCError.self) { try conversation.answer(Request()) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("a file comes with all its imports, itself first, and imports are not sent twice on a stream")
    func imports() throws {
        var conversation = self.conversation()
        let first = try Self.files(conversation.answer(Self.request(.fileByFilename("novitai/v1/job.proto"))))
        #expect(first.first == "novitai/v1/job.proto")
        #expect(Set(first).count == first.count)
        #expect(Set(first).isSuperset(of: ["google/protobuf/timestamp.proto", "google/protobuf/duration.proto"]))
        let second = try Self.files(conversation.answer(Self.request(.fileByFilename("novitai/v1/instance.proto"))))
        #expect(second == ["novitai/v1/instance.proto", "novitai/v1/types.proto"].filter { $0 == second[0] || !first.contains($0) })
        // Asked for by name, it comes again.
        #expect(try Self.files(conversation.answer(Self.request(.fileByFilename("novitai/v1/job.proto")))) == ["novitai/v1/job.proto"])
    }

    @Test("files go out byte for byte")
    func bytes() throws {
        let originals = try WireField.fields(of: NovitaiProto.descriptorSet[...]).map { Array($0.bytes) }
        #expect(originals.count > 10)
        for original in originals {
            let name = try Self.name(of: original)
            var conversation = self.conversation()
            let response = try conversation.answer(Self.request(.fileByFilename(name)))
            guard case .fileDescriptorResponse(let files) = response.messageResponse else {
                Issue.record("no file: \(name)")
                continue
            }
            #expect(files.fileDescriptorProto.first == original)
            #expect(files.fileDescriptorProto.allSatisfy(originals.contains))
        }
    }

    @Test("the answer names the host and the question")
    func echo() throws {
        var request = Self.request(.listServices("*"))
        request.host = "novitai.example"
        var conversation = self.conversation()
        let response = try conversation.answer(request)
        #expect(response.validHost == "novitai.example")
        #expect(response.originalRequest == request)
    }

    @Test("a message without extensions has none")
    func noExtensions() throws {
        var conversation = self.conversation()
        let response = try conversation.answer(Self.request(.allExtensionNumbersOfType("novitai.v1.Instance")))
        guard case .allExtensionNumbersResponse(let numbers) = response.messageResponse else {
            Issue.record("no numbers: \(response)")
            return
        }
        #expect(numbers.baseTypeName == "novitai.v1.Instance" && numbers.extensionNumber.isEmpty)
    }

    @Test("extensions are found by the message they extend and their number")
    func extensions() throws {
        let index = try DescriptorIndex(descriptorSet: Self.setWithExtensions)
        #expect(index.extensionNumbers(of: ".base.Message") == [100, 200])
        #expect(index.file(extending: "base.Message", number: 200)?.name == "more.proto")
        #expect(index.file(declaring: "more.extra")?.name == "more.proto")
        #expect(index.file(declaring: "more.Holder.nested")?.name == "more.proto")
        #expect(index.file(extending: "base.Message", number: 300) == nil)
    }

    @Test(
        "bytes that are no descriptor set are refused",
        arguments: [[0x0A], [0x0A, 0x05, 0x01], [0xFF], [0x0A, 0x02, 0x22, 0x7F]] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        #expect(throws: DescriptorIndex.Malformed.self) { try DescriptorIndex(descriptorSet: bytes) }
    }

    @Test(
        "both versions are served, answer in order, and list themselves",
        arguments: [
            "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
        ])
    func versions(_ service: String) async throws {
        var router = Router()
        HealthService(HealthRegistry()).register(in: &router)
        ReflectionService.register(in: &router, self.index)
        let exchange = Exchange([
            Self.request(.listServices("")), Self.request(.fileContainingSymbol("nonesuch")), Self.request(.listServices("")),
        ])
        let path = Array("/\(service)/ServerReflectionInfo".utf8)
        let found = RouteTable(router).method(at: path.span)
        let method = try #require(found)
        guard case .bidirectionalStreaming(let handler) = method.handler else {
            Issue.record("not a bidirectional method")
            return
        }
        try await handler(exchange, exchange, ServerContext(method: method.descriptor))
        let responses = exchange.responses
        #expect(responses.map(\.originalRequest) == exchange.requests)
        for response in [responses[0], responses[2]] {
            guard case .listServicesResponse(let list) = response.messageResponse else {
                Issue.record("no list: \(response)")
                return
            }
            #expect(
                list.service.map(\.name) == [
                    "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
                ])
        }
    }

    // MARK: Making and reading

    private func conversation() -> ReflectionConversation { ReflectionConversation(index: self.index, services: []) }

    private func firstFile(_ question: Question) throws -> String? {
        var conversation = self.conversation()
        return try Self.files(conversation.answer(Self.request(question))).first
    }

    private static func request(_ question: Question) -> Request {
        var request = Request()
        request.messageRequest = question
        return request
    }

    private static func extensionRequest(_ type: String, _ number: Int32) -> GrpcReflectionV1.ExtensionRequest {
        var request = GrpcReflectionV1.ExtensionRequest()
        request.containingType = type
        request.extensionNumber = number
        return request
    }

    /// The names of the files in an answer.
    private static func files(_ response: Response) throws -> [String] {
        guard case .fileDescriptorResponse(let files) = response.messageResponse else { return [] }
        return try files.fileDescriptorProto.map { try self.name(of: $0) }
    }

    private static func name(of file: [UInt8]) throws -> String {
        try WireField.fields(of: file[...]).first { $0.number == 1 }?.text ?? ""
    }

    /// base.proto has `base.Message`; more.proto extends it at its top and within a message.
    private static var setWithExtensions: [UInt8] {
        func message(_ fields: [(Int, [UInt8])], numbers: [(Int, UInt64)] = []) -> [UInt8] {
            var writer = WireWriter()
            for (number, content) in fields { writer.append(content, to: number) }
            for (number, value) in numbers { writer.append(WireField(number: number, content: .varint(value))) }
            return writer.bytes
        }
        func text(_ text: String) -> [UInt8] { Array(text.utf8) }
        func extending(_ name: String, number: UInt64) -> [UInt8] {
            message([(1, text(name)), (2, text(".base.Message"))], numbers: [(3, number)])
        }
        let base = message([(1, text("base.proto")), (2, text("base")), (4, message([(1, text("Message"))]))])
        let holder = message([(1, text("Holder")), (6, extending("nested", number: 100))])
        let more = message([
            (1, text("more.proto")), (2, text("more")), (3, text("base.proto")), (4, holder), (7, extending("extra", number: 200)),
        ])
        return message([(1, base), (1, more)])
    }
}

/// Both directions of a call, with all requests at hand.
private final class Exchange: MessageSource, MessageSink {
    let requests: [Request]
    private let state: Mutex<(unread: [Request], sent: [[UInt8]])>

    init(_ requests: [Request]) {
        self.requests = requests
        self.state = Mutex((requests, []))
    }

    var responses: [Response] {
        self.state.withLock { $0.sent }.compactMap { try? Response(decoding: Array($0.dropFirst(MessagePrefix.size))) }
    }

    func next() async throws(RPCError) -> MessageBatch? {
        let request = self.state.withLock { $0.unread.isEmpty ? nil : $0.unread.removeFirst() }
        return try request.map { request throws(RPCError) in MessageBatch(framed: try request.framed()) }
    }

    func send(_ message: [UInt8]) async throws(RPCError) {
        self.state.withLock { $0.sent.append(message) }
    }

    func sendHeaders() async throws(RPCError) {}
    func finish() async throws(RPCError) {}
}
