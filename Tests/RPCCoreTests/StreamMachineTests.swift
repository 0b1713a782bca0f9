import RPCCore
import Testing

@Suite("The server's stream machine")
struct ServerStreamMachineTests {
    enum Step: Sendable { case message, end, cutEnd, send, finish, close }

    /// Drives a machine and writes down what it answered.
    static func run(_ kind: MethodDescriptor.Kind, _ steps: [Step]) -> [String] {
        var machine = ServerStreamMachine(kind: kind)
        return steps.map { step in
            switch step {
            case .message:
                switch machine.messageReceived() {
                case .refuse(let error): "refuse \(error.code)"
                case let answer: "\(answer)"
                }
            case .end, .cutEnd:
                switch machine.requestsEnded(isWithinMessage: step == .cutEnd) {
                case .refuse(let error): "refuse \(error.code)"
                case let answer: "\(answer)"
                }
            case .send: "\(machine.send())"
            case .finish: "\(machine.finish())"
            case .close: machine.closed() ? "cut" : "done"
            }
        }
    }

    @Test(
        "every course of a call",
        arguments: [
            (.unary, [.message, .end, .send, .finish, .close], ["start", "none", "afterHeaders", "trailers", "done"]),
            (.unary, [.message, .send, .finish, .end, .close], ["start", "afterHeaders", "trailers", "none", "done"]),
            (.unary, [.end], ["refuse UNIMPLEMENTED"]),
            (.unary, [.cutEnd], ["refuse INTERNAL"]),
            (.unary, [.message, .message], ["start", "refuse UNIMPLEMENTED"]),
            (.unary, [.message, .send, .finish, .message], ["start", "afterHeaders", "trailers", "drop"]),
            (.unary, [.message, .cutEnd], ["start", "refuse INTERNAL"]),
            (.unary, [.message, .finish, .finish], ["start", "trailersOnly", "drop"]),
            (.unary, [.message, .close, .send, .finish], ["start", "cut", "drop", "drop"]),
            (.unary, [.close, .message, .end], ["cut", "drop", "none"]),
            (.serverStreaming, [.message, .end, .send, .send, .finish], ["start", "none", "afterHeaders", "alone", "trailers"]),
            (.serverStreaming, [.message, .end, .finish], ["start", "none", "trailersOnly"]),
            (
                .clientStreaming, [.message, .message, .end, .send, .finish],
                ["deliver", "deliver", "endRequests", "afterHeaders", "trailers"]
            ),
            (.clientStreaming, [.end], ["endRequests"]),
            (
                .bidirectionalStreaming, [.send, .message, .send, .end, .finish],
                ["afterHeaders", "deliver", "alone", "endRequests", "trailers"]
            ),
            (.bidirectionalStreaming, [.message, .finish, .message, .end], ["deliver", "trailersOnly", "drop", "none"]),
            (.bidirectionalStreaming, [.end, .message], ["endRequests", "drop"]),
        ] as [(MethodDescriptor.Kind, [Step], [String])])
    func courses(_ kind: MethodDescriptor.Kind, _ steps: [Step], _ answers: [String]) {
        #expect(Self.run(kind, steps) == answers)
    }
}

@Suite("The client's stream machine")
struct ClientStreamMachineTests {
    enum Step: Sendable {
        case head([(String, String)], end: Bool)
        case message, dataEnd
        case reset(UInt32?)
    }

    static let headers = Step.head([(":status", "200"), ("content-type", "application/grpc")], end: false)
    static func trailers(_ status: String) -> Step { .head([("grpc-status", status)], end: true) }

    static func run(_ kind: MethodDescriptor.Kind, _ steps: [Step]) -> [String] {
        var machine = ClientStreamMachine(kind: kind)
        func text(_ end: ClientStreamMachine.End?) -> String { end.map { "end \($0.error?.code ?? .ok)" } ?? "known" }
        return steps.map { step in
            switch step {
            case .head(let fields, let end):
                var head = ResponseHead()
                for (name, value) in fields { head.add(name: Array(name.utf8).span, value: Array(value.utf8).span) }
                switch machine.receive(head, endStream: end) {
                case .ignore: return "ignore"
                case .headers: return "headers"
                case .end(let end): return text(end)
                }
            case .message:
                switch machine.messageReceived() {
                case .deliver: return "deliver"
                case .drop: return "drop"
                case .end(let end): return text(end)
                }
            case .dataEnd: return text(machine.dataEnded())
            case .reset(let code): return text(machine.closed(resetCode: code))
            }
        }
    }

    @Test("a call that is lost with its connection says why the connection ends", arguments: [nil, 8] as [UInt32?])
    func cause(resetCode: UInt32?) {
        var machine = ClientStreamMachine(kind: .unary, codecs: MessageCodecs())
        let error = machine.closed(resetCode: resetCode, cause: "the server ends the connection: \"too_many_pings\"")?.error
        #expect(error?.message.hasSuffix("; the server ends the connection: \"too_many_pings\"") == true)
    }

    @Test("a status of OK within a message is none, whatever came before", arguments: [0, 1])
    func withinMessage(messages: Int) throws {
        var machine = ClientStreamMachine(kind: .unary)
        func head(_ fields: [(String, String)]) -> ResponseHead {
            var head = ResponseHead()
            for (name, value) in fields { head.add(name: Array(name.utf8).span, value: Array(value.utf8).span) }
            return head
        }
        _ = machine.receive(head([(":status", "200"), ("content-type", "application/grpc")]), endStream: false)
        for _ in 0..<messages { _ = machine.messageReceived() }
        guard case .end(let end) = machine.receive(head([("grpc-status", "0")]), endStream: true, isWithinMessage: true) else {
            throw RPCError(code: .unknown, message: "no end")
        }
        #expect(end.error?.code == .internal)
    }

    @Test(
        "every course of a response",
        arguments: [
            (.unary, [headers, .message, trailers("0"), .reset(0)], ["headers", "deliver", "end OK", "known"]),
            (.unary, [headers, .message, trailers("0"), .reset(8)], ["headers", "deliver", "end OK", "known"]),
            (.unary, [headers, trailers("0")], ["headers", "end UNIMPLEMENTED"]),
            (.unary, [headers, .message, .message], ["headers", "deliver", "end UNIMPLEMENTED"]),
            (.unary, [headers, .message, trailers("5")], ["headers", "deliver", "end NOT_FOUND"]),
            (.unary, [headers, trailers("99")], ["headers", "end UNKNOWN"]),
            (.unary, [headers, trailers("x")], ["headers", "end UNKNOWN"]),
            (.unary, [headers, .head([("x", "y")], end: true)], ["headers", "end UNKNOWN"]),
            (.unary, [headers, .message, .dataEnd], ["headers", "deliver", "end INTERNAL"]),
            (.unary, [.head([(":status", "100")], end: false), headers], ["ignore", "headers"]),
            (
                .unary, [.head([(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "7")], end: true)],
                ["end PERMISSION_DENIED"]
            ),
            (.unary, [.head([(":status", "415"), ("grpc-status", "3")], end: true)], ["end INVALID_ARGUMENT"]),
            (.unary, [.head([(":status", "503")], end: false)], ["end UNAVAILABLE"]),
            (.unary, [.head([(":status", "404")], end: true)], ["end UNIMPLEMENTED"]),
            (.unary, [.head([(":status", "200"), ("content-type", "text/html")], end: false)], ["end UNKNOWN"]),
            (
                .unary, [.head([(":status", "200"), ("content-type", "application/grpc"), ("grpc-encoding", "br")], end: false)],
                ["end INTERNAL"]
            ),
            (.unary, [.reset(7)], ["end UNAVAILABLE"]),
            (.unary, [.reset(8)], ["end CANCELLED"]),
            (.unary, [.reset(11)], ["end RESOURCE_EXHAUSTED"]),
            (.unary, [.reset(12)], ["end PERMISSION_DENIED"]),
            (.unary, [.reset(1)], ["end INTERNAL"]),
            (.unary, [headers, .reset(nil)], ["headers", "end UNAVAILABLE"]),
            (.serverStreaming, [headers, .message, .message, trailers("0")], ["headers", "deliver", "deliver", "end OK"]),
            (.serverStreaming, [headers, trailers("0"), .message], ["headers", "end OK", "drop"]),
            (.bidirectionalStreaming, [.message], ["drop"]),
        ] as [(MethodDescriptor.Kind, [Step], [String])])
    func courses(_ kind: MethodDescriptor.Kind, _ steps: [Step], _ answers: [String]) {
        #expect(Self.run(kind, steps) == answers)
    }

    @Test("a status carries its message, details and metadata")
    func status() throws {
        var head = ResponseHead()
        let fields = [
            ("grpc-status", "9"), ("grpc-message", "a%20%E2%98%BA"), ("grpc-status-details-bin", "CAk"), ("x", "y"), ("z-bin", "!"),
        ]
        for (name, value) in fields { head.add(name: Array(name.utf8).span, value: Array(value.utf8).span) }
        var machine = ClientStreamMachine(kind: .unary)
        guard case .end(let end) = machine.receive(head, endStream: true) else { throw RPCError(code: .unknown, message: "no end") }
        #expect(end.error?.code == .failedPrecondition)
        #expect(end.error?.message == "a ☺")
        #expect(end.error?.details == [8, 9])
        #expect(end.trailers.fields.map(\.name) == ["x"])
    }
}
