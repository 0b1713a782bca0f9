import NovitaiProto
import RPCCore
import TestProto
import Testing

/// Answers with what it was asked.
private struct Echo: NovitaiTestV1.EveryKindProtocol {
    func unary(_ request: NovitaiTestV1.Leaf, context: ServerContext) async throws -> NovitaiTestV1.EveryField {
        guard request.number >= 0 else { throw RPCError(code: .outOfRange, message: "negative") }
        return Self.answer([request.text, context.method.method])
    }

    func clientStreaming(_ requests: RequestStream<NovitaiTestV1.Leaf>, context: ServerContext) async throws -> NovitaiTestV1.EveryField {
        var texts: [String] = []
        for try await request in requests { texts.append(request.text) }
        return Self.answer(texts)
    }

    func serverStreaming(
        _ request: NovitaiTestV1.Leaf, responses: ResponseWriter<NovitaiTestV1.EveryField>, context: ServerContext
    ) async throws {
        for _ in 0..<request.number { try await responses.write(Self.answer([request.text])) }
    }

    func bidirectionalStreaming(
        _ requests: RequestStream<NovitaiTestV1.Leaf>, responses: ResponseWriter<NovitaiTestV1.EveryField>, context: ServerContext
    ) async throws {
        for try await request in requests { try await responses.write(Self.answer([request.text])) }
    }

    private static func answer(_ texts: [String]) -> NovitaiTestV1.EveryField {
        var message = NovitaiTestV1.EveryField()
        message.strings = texts
        return message
    }
}

@Suite("A generated client reaches the generated service's handlers")
struct ServiceTests {
    private let client: NovitaiTestV1.EveryKindClient

    init() {
        var router = Router()
        Echo().register(in: &router)
        self.client = NovitaiTestV1.EveryKindClient(Loopback(router))
    }

    private func leaf(_ text: String, _ number: Int32 = 0) -> NovitaiTestV1.Leaf {
        var leaf = NovitaiTestV1.Leaf()
        leaf.text = text
        leaf.number = number
        return leaf
    }

    @Test("unary")
    func unary() async throws {
        #expect(try await self.client.unary(leaf("a")).strings == ["a", "Unary"])
    }

    @Test("an error of the handler is the client's")
    func failure() async {
        await #expect(throws: RPCError(code: .outOfRange, message: "negative")) { try await self.client.unary(leaf("a", -1)) }
    }

    @Test("server streaming")
    func serverStreaming() async throws {
        let texts = try await self.client.serverStreaming(leaf("x", 3)) { responses in
            try await responses.reduce(into: []) { $0 += $1.strings }
        }
        #expect(texts == ["x", "x", "x"])
    }

    @Test("client streaming")
    func clientStreaming() async throws {
        let response = try await self.client.clientStreaming { requests in
            for text in ["a", "b"] { try await requests.write(leaf(text)) }
        }
        #expect(response.strings == ["a", "b"])
    }

    @Test("bidirectional streaming")
    func bidirectionalStreaming() async throws {
        let texts = try await self.client.bidirectionalStreaming { requests, responses in
            for text in ["a", "b"] { try await requests.write(leaf(text)) }
            try await requests.finish()
            return try await responses.reduce(into: []) { $0 += $1.strings }
        }
        #expect(texts == ["a", "b"])
    }

    @Test("the router knows the service by its full name, and the descriptors their paths and kinds")
    func descriptors() {
        var router = Router()
        Echo().register(in: &router)
        #expect(router.services == [NovitaiTestV1.EveryKind.name])
        #expect(
            NovitaiTestV1.EveryKind.methods.map(\.path)
                == ["Unary", "ClientStreaming", "ServerStreaming", "BidirectionalStreaming"].map { "/novitai.test.v1.EveryKind/\($0)" })
        #expect(NovitaiTestV1.EveryKind.methods.map(\.kind) == [.unary, .clientStreaming, .serverStreaming, .bidirectionalStreaming])
    }
}

@Suite("google.protobuf.Any")
struct AnyTests {
    @Test("a packed message is unpacked as its type and no other")
    func packing() throws {
        var effect = NovitaiV1.ErrorEffect()
        effect.effect = .unknown
        let packed = try GoogleProtobuf.AnyMessage(packing: effect)
        #expect(packed.typeUrl == "type.googleapis.com/novitai.v1.ErrorEffect")
        #expect(try packed.unpacked(as: NovitaiV1.ErrorEffect.self) == effect)
        #expect(try packed.unpacked(as: NovitaiV1.Money.self) == nil)
    }
}
