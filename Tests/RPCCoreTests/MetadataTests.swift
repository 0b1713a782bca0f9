import RPCCore
import Testing

@Suite("Metadata")
struct MetadataTests {
    @Test("keeps order and all values of a name")
    func order() throws {
        var metadata = Metadata()
        try metadata.append("1", for: "a")
        try metadata.append(binary: [1, 2], for: "b-bin")
        try metadata.append("2", for: "a")
        #expect(metadata.values(of: "a") == [.ascii("1"), .ascii("2")])
        #expect(metadata["a"] == "1")
        #expect(metadata[binary: "b-bin"] == [1, 2])
        #expect(metadata.wireFields.map(\.value) == ["1", "AQI", "2"])
    }

    @Test(
        "nothing that is illegal on the wire can be appended",
        arguments: [
            ("A", "x"), ("", "x"), (":path", "x"), ("a b", "x"), ("content-type", "x"), ("te", "x"), ("user-agent", "x"),
            ("grpc-status", "0"), ("grpc-x", "x"), ("connection", "x"), ("a-bin", "x"), ("a", "x\n"), ("a", " x"), ("a", "x "), ("a", "é"),
            ("a", "\0"),
        ])
    func illegal(_ name: String, _ value: String) {
        var metadata = Metadata()
        #expect(throws: RPCError.self) { try metadata.append(value, for: name) }
        #expect(metadata.isEmpty)
    }

    @Test("the retry pushback is the one reserved name that may be set")
    func pushback() throws {
        var metadata = Metadata()
        try metadata.append("100", for: "grpc-retry-pushback-ms")
        #expect(metadata["grpc-retry-pushback-ms"] == "100")
    }

    @Test("bytes need a name that ends in -bin")
    func binaryName() {
        var metadata = Metadata()
        #expect(throws: RPCError.self) { try metadata.append(binary: [1], for: "a") }
    }

    @Test("a received value beyond ASCII is dropped, an empty one kept, joined bytes are split")
    func received() throws {
        var metadata = Metadata()
        try metadata.append("a", received: "\u{e9}")
        try metadata.append("b", received: "")
        try metadata.append("c-bin", received: "AQI, AQ==")
        #expect(metadata.fields.map(\.name) == ["b", "c-bin", "c-bin"])
        #expect(metadata.values(of: "c-bin") == [.binary([1, 2]), .binary([1])])
        #expect(throws: RPCError.self) { try metadata.append("d-bin", received: "!") }
    }
}

extension Metadata {
    fileprivate mutating func append(_ name: String, received value: String) throws {
        try self.appendReceived(name: Array(name.utf8).span, value: Array(value.utf8).span)
    }
}

@Suite("Metadata in texts")
struct PrintedMetadataTests {
    @Test("shows names and no value, whatever prints it")
    func names() throws {
        var metadata = Metadata()
        try metadata.append("Bearer canary", for: "authorization")
        try metadata.append(binary: Array("canary".utf8), for: "trace-bin")
        let options = CallOptions(metadata: metadata)
        let context = ServerContext(method: MethodDescriptor(service: "s", method: "m", kind: .unary), requestMetadata: metadata)
        var dumped = ""
        dump(options, to: &dumped)
        dump(context, to: &dumped)
        for text in ["\(options)", String(reflecting: options), "\(metadata.fields)", dumped] { #expect(!text.contains("canary")) }
        #expect("\(metadata)" == "Metadata(authorization, trace-bin)")
    }
}
