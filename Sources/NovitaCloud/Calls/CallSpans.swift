internal import Fleet
internal import Traces

/// One span for each request to the provider.
struct CallSpans: Sendable {
    private let tracer: Tracer
    private let origin: String
    private let server: [SpanRecord.Attribute]

    /// - Parameter origin: scheme, host and port.
    init(_ tracer: Tracer, origin: String) {
        self.tracer = tracer
        self.origin = origin
        let isSecure = origin.hasPrefix("https:")
        let authority = origin.split(separator: "/").last ?? ""
        let mark = authority.lastIndex(of: ":").flatMap { authority[$0...].contains("]") ? nil : $0 }
        let port = mark.flatMap { Int(authority[authority.index(after: $0)...]) }
        self.server = [
            .init(.serverAddress, String(authority[..<(mark ?? authority.endIndex)])), .init(.serverPort, port ?? (isSecure ? 443 : 80)),
        ]
    }

    func begin(under parent: TraceContext?) -> Span { self.tracer.begin(.client, under: parent) }

    func end(_ span: Span, _ report: CallReport) {
        self.tracer.end(
            span, name: "\(report.method) \(report.path)", attributes: self.attributes(report),
            // A fixed text: the provider may repeat in its own what it was sent.
            status: report.error == nil ? .unset : .error("the provider did not do it"))
    }

    private func attributes(_ report: CallReport) -> [SpanRecord.Attribute] {
        var attributes =
            self.server + [
                .init(.httpMethod, report.method), .init(.urlFull, self.origin + report.path), .init(.urlTemplate, report.path),
                .init(.requestID, report.requestID),
            ]
        if report.attempt > 1 { attributes.append(.init(.httpResendCount, report.attempt - 1)) }
        if let status = report.status { attributes.append(.init(.httpStatus, status)) }
        if let error = report.error {
            let isRefused = report.status.map { $0 >= 400 } ?? false
            attributes.append(.init(.errorType, isRefused ? "\(report.status ?? 0)" : error.code.rawValue))
        }
        return attributes
    }
}
