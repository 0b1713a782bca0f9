/// A response read to its end. Any status is a response: only a failed exchange is an error.
package struct HTTPResponse: Sendable {
    package var status: Int
    /// Of the final response, in order; informational ones are dropped.
    package var headers: [HTTPHeader]
    /// As sent: no content coding is asked for and none is undone.
    package var body: [UInt8]
    /// False when an open connection was used again.
    package var usedNewConnection: Bool
    package var usedHTTP2: Bool

    package init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = [], usedNewConnection: Bool = true, usedHTTP2: Bool = false) {
        self.status = status
        self.headers = headers
        self.body = body
        self.usedNewConnection = usedNewConnection
        self.usedHTTP2 = usedHTTP2
    }

    /// The first header of that name, compared without regard to case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
