public import RPCCore

/// Why bytes did not become a message, or a message did not become bytes.
///
/// Small on purpose: it is the error type of every generated reader and writer, and becomes an `RPCError` only at their border.
@usableFromInline
package struct WireError: Error, Equatable {
    @usableFromInline
    package enum Reason: Equatable, Sendable {
        /// Not the encoding of the message's type: truncated, a wrong wire type, a group, field number 0.
        case malformed
        /// A `string` field holds bytes that are not UTF-8. They are refused, never repaired.
        case invalidUTF8
        /// A `Timestamp` or `Duration` outside of the range its documentation gives.
        case outOfRange
        /// Nested deeper than ``WireLimits/depth``.
        case tooDeep
        case tooManyFields
        case tooManyUnknownFields
        /// Singular message fields repeated on the wire more than ``WireLimits/repeatedSingularMessages`` times.
        case tooManyRepeats
        /// More memory than ``WireLimits`` gives to one message.
        case tooLarge
    }

    @usableFromInline package var reason: Reason
    /// The message or field that was at fault, as `Instance.name`; empty when it is the whole message.
    @usableFromInline package var subject: String

    @inlinable
    package init(_ reason: Reason, _ subject: StaticString = "") {
        self.reason = reason
        self.subject = subject.description
    }
}

extension RPCError {
    /// What the peer is told. The text names the field but never its content.
    @usableFromInline
    package init(_ error: WireError) {
        let subject = error.subject.isEmpty ? "message" : error.subject
        self =
            switch error.reason {
            case .malformed: Self(code: .internal, message: "\(subject): not a valid encoding")
            case .invalidUTF8: Self(code: .invalidArgument, message: "\(subject): not valid UTF-8")
            case .outOfRange: Self(code: .invalidArgument, message: "\(subject): out of range")
            case .tooDeep: Self(code: .invalidArgument, message: "\(subject): nested deeper than \(WireLimits.depth) levels")
            case .tooManyFields: Self(code: .resourceExhausted, message: "\(subject): more than \(WireLimits.fields) fields")
            case .tooManyUnknownFields:
                Self(code: .resourceExhausted, message: "\(subject): more than \(WireLimits.unknownFields) unknown fields")
            case .tooManyRepeats:
                Self(
                    code: .resourceExhausted,
                    message: "\(subject): singular messages repeated more than \(WireLimits.repeatedSingularMessages) times")
            case .tooLarge: Self(code: .resourceExhausted, message: "\(subject): needs more memory than a message may have")
            }
    }
}
