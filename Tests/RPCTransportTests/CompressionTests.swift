import Compression
import RPCCore
import Testing

@testable import RPCTransport

@Suite("Compression between our client and our server")
struct CompressionTests {
    static let codecs = [MessageCodec.gzip, .deflate]

    @Test("both directions, all sizes, empty messages too", arguments: [0, 1, 100, 65_535, 1 << 20])
    func unary(_ size: Int) async throws {
        try await Rig.run { rig in
            for codec in Self.codecs {
                let request = BytesMessage([UInt8](repeating: 7, count: size))
                for method in [TestService.echo, TestService.squeeze] {
                    let reply: BytesMessage = try await rig.channel.unary(request, method: method, options: CallOptions(codec: codec))
                    #expect(reply == request)
                }
            }
            // The largest has more than a kilobyte also compressed, and is unfolded beside the loop.
            #expect(rig.server.enqueueCount == 0 || size == 1 << 20)
        }
    }

    @Test("fewer bytes travel")
    func size() async throws {
        try await Rig.run { rig in
            let request = BytesMessage([UInt8](repeating: 7, count: 100_000))
            let _: BytesMessage = try await rig.channel.unary(request, method: TestService.squeeze, options: CallOptions(codec: .gzip))
            #expect(rig.server.statistics.receivedBytes < 5000 && rig.server.statistics.sentBytes < 5000)
        }
    }

    @Test("each message of a stream decides for itself")
    func streams() async throws {
        try await Rig.run { rig in
            let flags: BytesMessage = try await rig.channel.clientStreaming(method: TestService.flags, options: CallOptions(codec: .gzip)) {
                (requests: RequestWriter<BytesMessage>) in
                for compressed in [true, false, true] {
                    try await requests.write(BytesMessage([UInt8](repeating: 1, count: 1000)), compressed: compressed)
                }
                try await requests.write(BytesMessage())
                try await requests.write(BytesMessage([1, 2, 3]))
            }
            #expect(flags.text == "10100", "neither the empty message nor one that would grow")
            try await rig.channel.bidirectionalStreaming(method: TestService.squeezeEach, options: CallOptions()) {
                (requests: RequestWriter<BytesMessage>, responses: ResponseStream<BytesMessage>) in
                var replies = responses.makeAsyncIterator()
                for (text, isCompressed) in [("x", true), ("plain", false), ("y", true)] {
                    try await requests.write(BytesMessage(String(repeating: text, count: 1000)))
                    #expect(try await replies.next()?.text == String(repeating: text, count: 1000))
                    #expect(replies.isCompressed == isCompressed)
                }
            }
        }
    }

    @Test("a response that unfolds beyond the client's limit is RESOURCE_EXHAUSTED")
    func responseLimit() async throws {
        try await Rig.run { rig in
            var configuration = HTTP2ChannelConfiguration(address: rig.address)
            configuration.responseSizeMax = 10_000
            let channel = HTTP2Channel(configuration: configuration)
            for (size, expected) in [(10_000, RPCError.Code.ok), (10_001, .resourceExhausted)] {
                let request = BytesMessage([UInt8](repeating: 7, count: size))
                #expect(
                    await code {
                        let _: BytesMessage = try await channel.unary(
                            request, method: TestService.squeeze, options: CallOptions(codec: .gzip))
                    } == expected)
            }
            await channel.shutDown()
        }
    }

    @Test("to ask for compression after the headers is without effect")
    func tooLate() async throws {
        let late = TestService.method("Late", .serverStreaming)
        try await Rig.run(router: { router in
            router.register(serverStreaming: late) { (request: BytesMessage, responses: ResponseWriter<BytesMessage>, context) in
                try await responses.sendHeaders()
                context.compressResponses()
                try await responses.write(request)
            }
        }) { rig in
            let request = BytesMessage([UInt8](repeating: 7, count: 1000))
            let isCompressed = try await rig.channel.serverStreaming(request, method: late, options: CallOptions()) {
                (responses: ResponseStream<BytesMessage>) async throws -> Bool in
                var replies = responses.makeAsyncIterator()
                #expect(try await replies.next() == request)
                return replies.isCompressed
            }
            #expect(!isCompressed)
        }
    }

    @Test("the text of the header is the list of what we know")
    func names() {
        #expect("\(ResponseFields.acceptedEncodings)" == MessageCodecs.standard.accepted)
    }
}
