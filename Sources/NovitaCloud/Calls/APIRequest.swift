internal import CurlClient
internal import JSONText
internal import Traces

/// One endpoint's request, before it has a key, a deadline and an id.
struct APIRequest: Sendable {
    /// The path family that an endpoint belongs to.
    enum Family: String, Sendable {
        case instances = "/gpu-instance/openapi/v1"
        /// The account's bill.
        case open = "/openapi/v1"
    }

    /// What a call names, and what "not found" is therefore about.
    enum Subject: Sendable {
        /// One machine of the account: gone, if it is not found.
        case machine
        case other
    }

    /// A page of machines may carry 100 environment values of 4 KiB for each of them.
    static let listBytesMax = 16 * 1024 * 1024
    private static let replyBytesMax = 4 * 1024 * 1024

    var method: HTTPRequest.Method
    var path: String
    var query: [(name: String, value: String)] = []
    var body: JSON?
    var repeatability: Repeatability
    var responseBytesMax = Self.replyBytesMax
    /// What the body holds and no message may repeat.
    var secrets: [String] = []

    static func get(
        _ path: String, family: Family = .instances, query: [(name: String, value: String)] = [], responseBytesMax: Int = replyBytesMax
    ) -> Self {
        Self(method: .get, path: family.rawValue + path, query: query, repeatability: .always, responseBytesMax: responseBytesMax)
    }

    static func post(_ path: String, _ body: JSON, _ repeatability: Repeatability, secrets: [String] = []) -> Self {
        Self(method: .post, path: Family.instances.rawValue + path, body: body, repeatability: repeatability, secrets: secrets)
    }

    var subject: Subject {
        let base = Family.instances.rawValue
        let isOfMachines = "\(self.path)/".hasPrefix("\(base)/gpu/instance/")
        return isOfMachines && self.path != base + "/gpu/instance/create" ? .machine : .other
    }

    func httpRequest(
        origin: String, apiKey: APIKey, requestID: String, trace: TraceContext? = nil, timeout: Duration
    ) -> HTTPRequest {
        var headers = [
            HTTPHeader("Authorization", apiKey.authorization), HTTPHeader("Content-Type", "application/json"),
            HTTPHeader("Accept", "application/json"),
        ]
        let printableID = String(requestID.unicodeScalars.filter { (0x21...0x7E).contains($0.value) }.map(Character.init))
        if !printableID.isEmpty { headers.append(HTTPHeader("X-Request-ID", printableID)) }
        if let trace { headers += Self.headers(of: trace) }
        return HTTPRequest(
            method: self.method, url: origin + self.path + self.encodedQuery, headers: headers,
            body: self.body.map { Array($0.text.utf8) } ?? [], timeout: timeout, delivery: self.delivery,
            responseBytesMax: self.responseBytesMax)
    }

    private static func headers(of trace: TraceContext) -> [HTTPHeader] {
        let parent = HTTPHeader(TraceContext.parentHeader, trace.parent)
        return trace.state.isEmpty ? [parent] : [parent, HTTPHeader(TraceContext.stateHeader, trace.state)]
    }

    private var delivery: HTTPRequest.Delivery {
        switch self.repeatability {
        case .always: self.method == .get ? .repeatable : .once
        case .ifNotProcessed: .once
        case .never: .onceOnFreshConnection
        }
    }

    private var encodedQuery: String {
        self.query.isEmpty ? "" : "?" + self.query.map { "\(Self.encoded($0.name))=\(Self.encoded($0.value))" }.joined(separator: "&")
    }

    /// Everything but the unreserved characters of RFC 3986, section 2.3.
    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                String(Unicode.Scalar(byte))
            default:
                "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
