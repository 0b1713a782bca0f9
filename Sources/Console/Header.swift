internal import HTTPTypes

/// Header fields that HTTPTypes has no names for. It gives none for text that is no name; then nothing is read.
enum Header {
    static let fetchSite = HTTPField.Name("Sec-Fetch-Site")
    static let forwardedProto = HTTPField.Name("X-Forwarded-Proto")
    static let lastEventID = HTTPField.Name("Last-Event-ID")
    static let mark = HTTPField.Name(Gate.mark)
}

extension HTTPFields {
    subscript(name: HTTPField.Name?) -> String? { name.flatMap { self[$0] } }
}
