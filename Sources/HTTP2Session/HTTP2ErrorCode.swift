/// The error codes of RFC 9113, section 7.
package struct HTTP2ErrorCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let noError = Self(rawValue: 0)
    package static let protocolError = Self(rawValue: 1)
    package static let internalError = Self(rawValue: 2)
    package static let flowControlError = Self(rawValue: 3)
    package static let settingsTimeout = Self(rawValue: 4)
    package static let streamClosed = Self(rawValue: 5)
    package static let frameSizeError = Self(rawValue: 6)
    package static let refusedStream = Self(rawValue: 7)
    package static let cancel = Self(rawValue: 8)
    package static let compressionError = Self(rawValue: 9)
    package static let connectError = Self(rawValue: 10)
    package static let enhanceYourCalm = Self(rawValue: 11)
    package static let inadequateSecurity = Self(rawValue: 12)
    package static let http11Required = Self(rawValue: 13)

    /// As the reason for the end of a connection.
    package var reason: String {
        switch self {
        case .enhanceYourCalm: "enhance_your_calm"
        case .protocolError: "protocol_error"
        case .flowControlError: "flow_control_error"
        case .streamClosed: "stream_closed"
        case .frameSizeError: "frame_size_error"
        case .compressionError: "compression_error"
        case .internalError: "internal_error"
        default: "other_error"
        }
    }
}

/// Why a session is over. What is queued should still be sent, then the connection closed.
package struct HTTP2SessionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the peer did or what failed, as a constant text: it is a label of a metric.
    package let reason: String
    package init(reason: String) { self.reason = reason }
    package var description: String { self.reason }
}
