/// A field of a header block, ready to be sent.
package struct WireField: Hashable, Sendable {
    package let name: String
    package let value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    /// What it adds to a header list (RFC 9113, 6.5.2), in bytes.
    package var size: Int { self.name.utf8.count + self.value.utf8.count + 32 }
}

extension Metadata {
    /// The fields to be sent, values of `-bin` names in base64.
    package var wireFields: [WireField] {
        self.fields.map { field in
            switch field.value {
            case .ascii(let text): WireField(name: field.name, value: text)
            case .binary(let bytes): WireField(name: field.name, value: Base64.encode(bytes))
            }
        }
    }
}

/// The fields that end a call: its status and the metadata with it.
package enum StatusTrailers {
    /// - Parameters:
    ///   - error: nil for OK.
    ///   - metadata: what the handler added, beside the error's own.
    ///   - limit: bytes of a header list that the peer takes, less what stands before these fields. Beyond it the details are dropped first,
    ///     then the message is cut, then the metadata goes. The status stays.
    package static func fields(for error: RPCError?, metadata: Metadata = Metadata(), limit: Int) -> [WireField] {
        let status = WireField(name: "grpc-status", value: "\((error?.code ?? .ok).rawValue)")
        var metadata = metadata
        if let error { metadata.append(contentsOf: error.metadata) }
        // Ours wins over one that a handler put into its metadata.
        metadata.removeAll(named: "grpc-status-details-bin")
        let others = metadata.wireFields
        let message = error.map { PercentEncoding.encode($0.message) } ?? ""
        let whole = [status] + self.messageField(message) + self.detailsField(error?.details ?? []) + others
        if whole.size <= limit { return whole }
        return self.shortened(status, message: error?.message ?? "", others, limit: limit)
    }

    private static func shortened(_ status: WireField, message: String, _ others: [WireField], limit: Int) -> [WireField] {
        for kept in [others, []] {
            let space = limit - ([status] + self.messageField(" ") + kept).size + 1
            guard space >= 0 else { continue }
            return [status] + self.messageField(PercentEncoding.encode(message, limit: space)) + kept
        }
        return [status]
    }

    private static func messageField(_ text: String) -> [WireField] {
        text.isEmpty ? [] : [WireField(name: "grpc-message", value: text)]
    }

    private static func detailsField(_ details: [UInt8]) -> [WireField] {
        details.isEmpty ? [] : [WireField(name: "grpc-status-details-bin", value: Base64.encode(details))]
    }
}

extension [WireField] {
    package var size: Int { self.reduce(0) { $0 + $1.size } }
}
