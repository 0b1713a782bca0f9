/// A request for `HTTPClient`.
package struct HTTPRequest: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        /// No request at all: a TCP connection to the URL's host and port is all that is wanted.
        case connectOnly = "CONNECT ONLY"
    }

    /// How often the request may be put on a wire.
    package enum Delivery: Sendable {
        /// libcurl may send it again by itself when the connection it reused turns out to be dead.
        case repeatable
        /// It leaves at most once, whatever happens to the connection.
        case once
        /// At most once, and over a connection made for it: an idle one that the server is just closing would lose the request
        /// and leave nobody knowing whether it was processed.
        case onceOnFreshConnection
    }

    package var method: Method
    /// Absolute, `https`; `http` only where the client's configuration allows it.
    package var url: String
    /// In order. `Host`, `Content-Length` and the like are libcurl's to set.
    package var headers: [HTTPHeader]
    /// Sent with `post` only.
    package var body: [UInt8]
    /// From the call of `execute` to the end of the exchange: waiting for a place, name resolution, connecting, sending, receiving.
    package var timeout: Duration
    package var delivery: Delivery
    /// The response's body may have at most this many bytes.
    package var responseBytesMax: Int

    package init(
        method: Method,
        url: String,
        headers: [HTTPHeader] = [],
        body: [UInt8] = [],
        timeout: Duration,
        delivery: Delivery,
        responseBytesMax: Int
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.delivery = delivery
        self.responseBytesMax = responseBytesMax
    }
}

/// The URL's query, the headers and the body may hold secrets: none of them is printed.
extension HTTPRequest: CustomStringConvertible, CustomReflectable {
    package var description: String { "\(method.rawValue) request" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

package struct HTTPHeader: Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// The name is an RFC 9110 token and the value visible ASCII, spaces and tabs: nothing that could end the line and begin another.
    var isValid: Bool {
        !name.isEmpty && name.utf8.allSatisfy(Self.isTokenCharacter)
            && value.utf8.allSatisfy { $0 == 0x09 || (0x20...0x7E).contains($0) }
    }

    /// As libcurl wants it. "Name:" would ask it to drop its own header; the semicolon means "send it with no value".
    var line: String { value.isEmpty ? "\(name);" : "\(name): \(value)" }

    /// RFC 9110, section 5.6.2.
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default:
            "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

extension HTTPHeader: CustomStringConvertible, CustomReflectable {
    package var description: String { name }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
