import RPCCore
import Testing

struct BytesMessage: RPCMessage, Equatable {
    var bytes: [UInt8] = []
    init(_ bytes: [UInt8] = []) { self.bytes = bytes }
    init(decoding bytes: RawSpan) throws(RPCError) { self.bytes = Array(copying: bytes) }
    func encoded(reserving prefix: Int) throws(RPCError) -> [UInt8] { [UInt8](repeating: 0, count: prefix) + self.bytes }
}

@Suite("Request heads")
struct RequestHeadTests {
    static let routes: RouteTable = {
        var router = Router()
        for name in ["Get", "List", "Watch"] {
            router.register(unary: MethodDescriptor(service: "a.v1.Things", method: name, kind: .unary)) { (q: BytesMessage, _) in q }
        }
        router.register(unary: MethodDescriptor(service: "a.v1.Others", method: "Get", kind: .unary)) { (q: BytesMessage, _) in q }
        return RouteTable(router)
    }()

    static let codecs = MessageCodecs(
        ["zip", "zap"].map { MessageCodec(name: $0, compress: { _, _ in [] }, decompress: { _, _ in [] }) })

    static let good = [
        (":method", "POST"), (":scheme", "http"), (":path", "/a.v1.Things/Get"), (":authority", "h"), ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]

    static func head(_ changes: [(String, String?)]) -> RequestHead {
        var fields = Self.good.map { ($0.0, String?.some($0.1)) }
        for (name, value) in changes {
            if let index = fields.firstIndex(where: { $0.0 == name }) { fields[index].1 = value } else { fields.append((name, value)) }
        }
        var head = RequestHead(routes: Self.routes, codecs: Self.codecs)
        for case (let name, let value?) in fields { head.add(name: Array(name.utf8).span, value: Array(value.utf8).span) }
        return head
    }

    static func verdict(_ changes: [(String, String?)], isTruncated: Bool = false, busy: RPCError? = nil) -> (
        status: Int, code: Int, text: String
    ) {
        do {
            let method = try Self.head(changes).judged(isTruncated: isTruncated, busy: busy)
            return (200, 0, method.descriptor.path)
        } catch {
            return (error.httpStatus, Int(error.error.code.rawValue), error.error.message)
        }
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let changes: [(String, String?)]
        let status: Int
        let code: Int
        init(_ description: String, _ changes: [(String, String?)], _ status: Int, _ code: Int) {
            self.testDescription = description
            self.changes = changes
            self.status = status
            self.code = code
        }
    }

    @Test(
        "each fault has its answer",
        arguments: [
            Case("a good call", [], 200, 0),
            Case("a subtype that is ours", [("content-type", "application/grpc+proto")], 200, 0),
            Case("a parameter", [("content-type", "application/grpc;charset=utf-8")], 200, 0),
            Case("a subtype without a codec", [("content-type", "application/grpc+json")], 200, 12),
            Case("gRPC-Web", [("content-type", "application/grpc-web")], 415, 3),
            Case("a longer word", [("content-type", "application/grpcfoo")], 415, 3),
            Case("text", [("content-type", "text/plain")], 415, 3),
            Case("no content-type", [("content-type", nil)], 415, 3),
            Case("no te", [("te", nil)], 200, 0),
            Case("GET", [(":method", "GET")], 405, 13),
            Case("GET by a browser", [(":method", "GET"), ("content-type", nil)], 405, 13),
            Case("PUT", [(":method", "PUT")], 405, 13),
            Case("a bad timeout", [("grpc-timeout", "soon")], 400, 13),
            Case("nine digits", [("grpc-timeout", "100000000n")], 400, 13),
            Case("a deadline that is over", [("grpc-timeout", "0n")], 200, 4),
            Case("bad base64", [("x-bin", "!")], 400, 13),
            Case("an unknown method", [(":path", "/a.v1.Things/Nope")], 200, 12),
            Case("an unknown service", [(":path", "/a.v1.Nope/Get")], 200, 12),
            Case("a path in other case", [(":path", "/a.v1.things/get")], 200, 12),
            Case("an escaped path", [(":path", "/a.v1.Things%2FGet")], 200, 12),
            Case("a path without a method", [(":path", "/x")], 200, 12),
            Case("identity", [("grpc-encoding", "identity")], 200, 0),
            Case("a known encoding", [("grpc-encoding", "zap")], 200, 0),
            Case("an unknown encoding", [("grpc-encoding", "snappy")], 200, 12),
            Case("host beside authority", [("host", "h")], 200, 0),
            Case("an unknown field of gRPC's", [("grpc-tags-bin", "!")], 200, 0),
        ])
    func faults(_ test: Case) {
        let verdict = Self.verdict(test.changes)
        #expect(verdict.status == test.status && verdict.code == test.code, "\(verdict)")
    }

    @Test("of several faults the first in the order of checks is told")
    func order() {
        // From the last check to the first; each one added wins over those before.
        var changes: [(String, String?)] = [("grpc-encoding", "snappy")]
        #expect(Self.verdict(changes).text.contains("grpc-encoding"))
        changes.append((":path", "/a.v1.Things/Nope"))
        #expect(Self.verdict(changes).text.contains("unknown method Nope"))
        changes.append(("grpc-timeout", "0n"))
        #expect(Self.verdict(changes).code == 4)
        changes.append((":method", "PUT"))
        #expect(Self.verdict(changes).status == 405)
        let busy = RPCError(code: .unavailable, message: "draining")
        #expect(Self.verdict(changes, busy: busy).code == 14)
        changes.append(("x-bin", "!"))
        #expect(Self.verdict(changes, busy: busy).status == 400)
        changes.append(("content-type", "application/grpc-web"))
        changes.append((":method", "POST"))
        #expect(Self.verdict(changes, busy: busy).status == 415)
        #expect(Self.verdict(changes, isTruncated: true, busy: busy).code == 8)
    }

    @Test("metadata is what is not gRPC's own")
    func metadata() throws {
        let head = Self.head([
            ("x", "1"), ("user-agent", "u"), ("grpc-accept-encoding", "gzip"), ("grpc-previous-rpc-attempts", "1"), ("y-bin", "AQ"),
        ])
        #expect(head.metadata.fields.map(\.name) == ["x", "user-agent", "grpc-previous-rpc-attempts", "y-bin"])
        #expect(head.metadata[binary: "y-bin"] == [1])
        #expect(head.timeout == nil)
        #expect(try head.judged(isTruncated: false).descriptor.method == "Get")
    }

    @Test("a refusal for its encoding lists ours")
    func encodings() {
        #expect { try Self.head([("grpc-encoding", "gzip")]).judged(isTruncated: false) } throws: {
            ($0 as? RequestHead.Refusal)?.listsEncodings == true
        }
    }

    @Test(
        "the request's coding is the one it names, the response's the first of ours that the client lists",
        arguments: [
            ([], nil, nil, false), ([("grpc-encoding", "identity")], nil, nil, true), ([("grpc-encoding", "zap")], "zap", nil, true),
            ([("grpc-accept-encoding", "identity")], nil, nil, true), ([("grpc-accept-encoding", "identity, zap ,br")], nil, "zap", true),
            ([("grpc-accept-encoding", "zap,zip")], nil, "zip", true), ([("grpc-accept-encoding", "zippy")], nil, nil, true),
            ([("grpc-encoding", "zap"), ("grpc-accept-encoding", "zip")], "zap", "zip", true),
        ] as [([(String, String)], String?, String?, Bool)])
    func codings(_ fields: [(String, String)], request: String?, response: String?, asks: Bool) throws {
        let head = Self.head(fields.map { ($0.0, $0.1) })
        _ = try head.judged(isTruncated: false)
        #expect(head.requestCodec?.name == request)
        #expect(head.responseCodec?.name == response)
        #expect(head.asksForCodings == asks)
    }

    @Test("every registered path is found, and no other", arguments: ["/a.v1.Things/Get", "/a.v1.Things/List", "/a.v1.Others/Get"])
    func routing(_ path: String) {
        #expect(Self.routes.method(at: Array(path.utf8).span)?.descriptor.path == path)
        #expect(Self.routes.method(at: Array((path + "x").utf8).span) == nil)
    }
}
