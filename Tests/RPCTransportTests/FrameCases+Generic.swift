import HTTP2Frames

// What every server must take: h2spec's `generic`, 44 cases.
extension FrameCase {
    static let generic: [FrameCase] = handshake + frames + requests + fieldForms

    private static let handshake = [
        FrameCase("generic/1/1", "the client's preface", .settingsAcknowledgement, []),
        FrameCase("generic/2/1", "PRIORITY on an idle stream, of the least weight", .response(1), priority(1, weight: 0) + ask(1)),
        FrameCase("generic/2/2", "PRIORITY of the greatest weight", .response(1), priority(1, weight: 255) + ask(1)),
        FrameCase("generic/2/3", "PRIORITY with a dependency", .response(1), priority(1, dependsOn: 3) + ask(1)),
        FrameCase("generic/2/4", "PRIORITY with the exclusive bit", .response(1), priority(1, dependsOn: 3, exclusive: true) + ask(1)),
        FrameCase("generic/2/5", "PRIORITY on an idle stream, then a lower one begins", .response(1), priority(5) + ask(1)),
    ]

    private static let frames = [
        FrameCase("generic/3.1/1", "one DATA frame", .response(1), call(1) + Frame.data(1, message, end: true)),
        FrameCase(
            "generic/3.1/2", "several DATA frames", .response(1), call(1) + Frame.data(1, message) + Frame.data(1, message, end: true)),
        FrameCase(
            "generic/3.1/3", "DATA with padding", .response(1),
            call(1) + Frame.raw(type: 0, flags: 9, stream: 1, [3] + message + [0, 0, 0])),
        FrameCase("generic/3.2/1", "HEADERS", .response(1), ask(1)),
        FrameCase(
            "generic/3.2/2", "HEADERS with padding", .response(1),
            Frame.raw(type: 1, flags: 13, stream: 1, [2] + Frame.block(get) + [0, 0])),
        FrameCase(
            "generic/3.2/3", "HEADERS with a priority", .response(1),
            Frame.raw(type: 1, flags: 0x25, stream: 1, Frame.big(0) + [15] + Frame.block(get))),
        FrameCase("generic/3.3/1", "PRIORITY on an open stream, of the least weight", .response(1), call(1) + priority(1) + end(1)),
        FrameCase(
            "generic/3.3/2", "PRIORITY on an open stream, of the greatest weight", .response(1), call(1) + priority(1, weight: 255) + end(1)
        ),
        FrameCase(
            "generic/3.3/3", "PRIORITY on an open stream, with a dependency", .response(1), call(1) + priority(1, dependsOn: 3) + end(1)),
        FrameCase(
            "generic/3.3/4", "PRIORITY on an open stream, exclusive", .response(1),
            call(1) + priority(1, dependsOn: 3, exclusive: true) + end(1)),
        FrameCase("generic/3.3/5", "PRIORITY on an idle stream while another is open", .response(1), call(1) + priority(9) + end(1)),
        FrameCase(
            "generic/3.4/1", "RST_STREAM, and the connection goes on", .pingAcknowledgement, call(1) + Frame.reset(1, 8) + Frame.ping()),
        FrameCase("generic/3.5/1", "SETTINGS", .settingsAcknowledgement, Frame.settings([(3, 100)])),
        FrameCase("generic/3.7/1", "PING", .pingAcknowledgement, Frame.ping()),
        FrameCase("generic/3.8/1", "GOAWAY ends the connection, or is borne", .closed, Frame.raw(type: 7, Frame.big(0) + Frame.big(0))),
        FrameCase("generic/3.9/1", "WINDOW_UPDATE of the connection", .response(1), Frame.windowUpdate(0, 1) + ask(1)),
        FrameCase("generic/3.9/2", "WINDOW_UPDATE of a stream", .response(1), call(1) + Frame.windowUpdate(1, 1) + end(1)),
        FrameCase("generic/3.10/1", "CONTINUATION", .response(1), parts(get, 1)),
        FrameCase("generic/3.10/2", "several CONTINUATIONs", .response(1), parts(get, 2)),
    ]

    private static let requests = [
        FrameCase("generic/4/1", "GET", .response(1), ask(1)),
        FrameCase("generic/4/2", "HEAD", .response(1), Frame.headers(1, [(":method", "HEAD")] + get.dropFirst(), end: true)),
        FrameCase("generic/4/3", "POST", .response(1), call(1) + Frame.data(1, message, end: true)),
        FrameCase(
            "generic/4/4", "POST with trailers", .response(1), call(1) + Frame.data(1, message) + Frame.headers(1, [("x", "y")], end: true)),
    ]

    /// `user-agent: a` in every form of a field (RFC 7541, 6), beside a request.
    private static let fieldForms: [FrameCase] =
        [
            FrameCase("generic/5/1", "an indexed field", .response(1), block(Frame.block(Array(get.dropFirst())) + [0x82]))
        ] + literals + [
            FrameCase("generic/5/14", "a change of the dynamic table's size", .response(1), block([0x20] + Frame.block(get))),
            FrameCase(
                "generic/5/15", "two changes of the dynamic table's size", .response(1), block([0x20, 0x3F, 0x21] + Frame.block(get))),
        ]

    private static let literals: [FrameCase] = {
        // `user-agent` is 58 of the static table; "a" is 0x1F with Huffman's code, "x" is 0xF3.
        let kinds: [(name: String, byte: UInt8, indexed: [UInt8])] = [
            ("with incremental indexing", 0x40, [0x7A]), ("without indexing", 0x00, [0x0F, 43]), ("never indexed", 0x10, [0x1F, 43]),
        ]
        let (name, huffmanName): ([UInt8], [UInt8]) = ([1, 0x78], [0x81, 0xF3])
        let (value, huffmanValue): ([UInt8], [UInt8]) = ([1, 0x61], [0x81, 0x1F])
        var cases: [FrameCase] = []
        for kind in kinds {
            let fields: [(String, [UInt8])] = [
                ("an indexed name", kind.indexed + value), ("an indexed name, Huffman-coded", kind.indexed + huffmanValue),
                ("a new name", [kind.byte] + name + value), ("a new name, Huffman-coded", [kind.byte] + huffmanName + huffmanValue),
            ]
            for (subject, field) in fields {
                let number = "generic/5/\(cases.count + 2)"
                cases.append(FrameCase(number, "a literal \(kind.name), \(subject)", .response(1), block(Frame.block(get) + field)))
            }
        }
        return cases
    }()

    // MARK: Requests

    static func ask(_ stream: UInt32) -> [UInt8] { Frame.headers(stream, get, end: true) }
    static func call(_ stream: UInt32) -> [UInt8] { Frame.headers(stream, call) }
    static func end(_ stream: UInt32) -> [UInt8] { Frame.data(stream, [], end: true) }

    /// A request without a body in HEADERS and so many CONTINUATIONs.
    static func parts(_ fields: [(String, String)], _ count: Int) -> [UInt8] {
        let first = Frame.headers(1, [fields[0]], end: true, endHeaders: false)
        let middle = (1..<max(count, 1)).flatMap { Frame.continuation(1, [fields[$0]], endHeaders: false) }
        return first + middle + Frame.continuation(1, Array(fields[count...]), endHeaders: true)
    }
}
