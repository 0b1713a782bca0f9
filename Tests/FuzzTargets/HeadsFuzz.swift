import Compression
import RPCCore

/// The fields of a request or a response, as they come out of a header block: each with a byte for the length of its name, one for that of its
/// value, and both. They get a verdict, and what is sent back of them is what may be sent.
enum HeadsFuzz {
    private static let routes = RouteTable(Router())
    private static let headerListMax = 8192

    static func run(_ bytes: [UInt8]) {
        guard let selector = bytes.first else { return }
        let fields = self.fields(bytes.dropFirst())
        if selector % 2 == 0 { self.request(fields) } else { self.response(fields, endStream: selector % 4 == 1) }
    }

    private static func fields(_ bytes: ArraySlice<UInt8>) -> [(name: [UInt8], value: [UInt8])] {
        var fields: [(name: [UInt8], value: [UInt8])] = []
        var rest = bytes
        while rest.count > 2 {
            let (nameCount, valueCount) = (Int(rest[rest.startIndex]), Int(rest[rest.startIndex + 1]))
            rest = rest.dropFirst(2)
            fields.append((Array(rest.prefix(nameCount)), Array(rest.dropFirst(nameCount).prefix(valueCount))))
            rest = rest.dropFirst(nameCount + valueCount)
        }
        return fields
    }

    private static func request(_ fields: [(name: [UInt8], value: [UInt8])]) {
        var head = RequestHead(routes: self.routes, codecs: .standard)
        for field in fields { head.add(name: field.name.span, value: field.value.span) }
        do throws(RequestHead.Refusal) {
            _ = try head.judged(isTruncated: false)
            preconditionFailure("there is no method that could be called")
        } catch {
            precondition([200, 400, 405, 415].contains(error.httpStatus))
            self.check(StatusTrailers.fields(for: error.error, metadata: head.metadata, limit: self.headerListMax))
        }
        if let timeout = head.timeout { precondition(timeout.nanoseconds >= 0) }
    }

    private static func response(_ fields: [(name: [UInt8], value: [UInt8])], endStream: Bool) {
        var head = ResponseHead()
        for field in fields { head.add(name: field.name.span, value: field.value.span) }
        var machine = ClientStreamMachine(kind: .bidirectionalStreaming, codecs: .standard)
        switch machine.receive(head, endStream: endStream) {
        case .ignore, .headers: precondition(!machine.isOver)
        case .end(let end):
            precondition(machine.isOver)
            // What one server said, another passes on.
            self.check(StatusTrailers.fields(for: end.error, metadata: end.trailers, limit: self.headerListMax))
        }
    }

    private static func check(_ fields: [WireField]) {
        precondition(fields.count == 1 || fields.size <= self.headerListMax)
        precondition(fields.filter { $0.name == "grpc-status" }.count == 1)
        for field in fields { precondition(field.value.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "\(field.name) is not printable") }
    }
}
