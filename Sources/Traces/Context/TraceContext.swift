/// A place in a distributed trace: which trace, and which span of it is meant (W3C Trace Context, level 1).
package struct TraceContext: Hashable, Sendable {
    /// The headers, in HTTP and in gRPC metadata alike.
    package static let parentHeader = "traceparent"
    package static let stateHeader = "tracestate"

    package let traceID: TraceID
    package let spanID: SpanID
    /// Whether whoever came before keeps the trace.
    package let isSampled: Bool
    /// What other systems have to say about the trace, as it came; empty without.
    package let state: String

    package init(traceID: TraceID, spanID: SpanID, isSampled: Bool, state: String = "") {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.state = state
    }
}

// MARK: - As it travels

extension TraceContext {
    /// Of the one version that there is: `00-` trace `-` span `-` flags.
    private static let parentLength = 55
    private static let sampledFlag: UInt64 = 1

    /// The value of `traceparent`.
    package var parent: String { "00-\(self.traceID)-\(self.spanID)-\(Hexadecimal.text(self.isSampled ? UInt8(1) : 0))" }

    /// - Parameter state: `tracestate`; several fields joined by commas. One that is malformed is left out, and the trace goes on.
    /// - Returns: nil for a `traceparent` that is malformed, which is then to be ignored, its `tracestate` with it.
    package init?(parent: String, state: String = "") {
        let bytes = Array(parent.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= Self.parentLength, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Hexadecimal.number(bytes[0..<2]), version != 0xff,
            let high = Hexadecimal.number(bytes[3..<19]), let low = Hexadecimal.number(bytes[19..<35]),
            let span = Hexadecimal.number(bytes[36..<52]), let flags = Hexadecimal.number(bytes[53..<55]),
            let traceID = TraceID(high: high, low: low), let spanID = SpanID(span)
        else { return nil }
        // A version to come may add fields behind those of this one.
        guard bytes.count == Self.parentLength || (version > 0 && bytes[Self.parentLength] == dash) else { return nil }
        self.init(
            traceID: traceID, spanID: spanID, isSampled: flags & Self.sampledFlag != 0, state: TraceState.accepted(state))
    }
}

/// In a stored row: the two headers.
extension TraceContext: Codable {
    private enum CodingKeys: String, CodingKey {
        case parent
        case state
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let parent = try values.decode(String.self, forKey: .parent)
        guard let context = TraceContext(parent: parent, state: try values.decodeIfPresent(String.self, forKey: .state) ?? "") else {
            throw DecodingError.dataCorruptedError(forKey: .parent, in: values, debugDescription: "no traceparent")
        }
        self = context
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(self.parent, forKey: .parent)
        if !self.state.isEmpty { try values.encode(self.state, forKey: .state) }
    }
}
