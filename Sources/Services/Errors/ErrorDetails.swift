internal import NovitaiProto
internal import ProtobufWire
internal import RPCCore

/// An error as this API answers it: a status, why, whether it had an effect, and what a program needs to go on.
struct ErrorDetails {
    static let domain = "novitai"
    /// Bytes of the encoded `google.rpc.Status`: in base64 it becomes 4 KiB, and with the message it stays below the 8 KiB of metadata
    /// that clients accept by default.
    static let encodedBytesMax = 3072
    /// Bytes of the message, which percent-encoding may triple.
    static let messageBytesMax = 512
    /// Bytes of one text and number of violations when everything together is too long.
    static let shortenedTextBytes = 96
    static let shortenedViolations = 8

    var code: RPCError.Code
    var message: String
    /// A word in capitals for programs.
    var reason: String
    var effect: NovitaiV1.Effect = .none
    /// The job that will settle the effect.
    var jobID = ""
    var metadata: [String: String] = [:]
    var violations: [GoogleRpc.BadRequest.FieldViolation] = []
    var quota: GoogleRpc.QuotaFailure.Violation?
    var precondition: GoogleRpc.PreconditionFailure.Violation?
    var resource: GoogleRpc.ResourceInfo?
    var retryDelay: Duration?

    init(_ code: RPCError.Code, _ reason: String, _ message: String) {
        self.code = code
        self.reason = reason
        self.message = message
    }

    /// What is less important goes first when it does not fit: long texts, violations after the first few, then all but reason and effect.
    var error: RPCError {
        let message = Self.shortened(self.message, to: Self.messageBytesMax)
        for details in [self, self.withShortTexts, self.withoutDetails] {
            if let bytes = details.encoded(message), bytes.count <= Self.encodedBytesMax {
                return RPCError(code: self.code, message: message, details: bytes, metadata: self.pushback)
            }
        }
        return RPCError(code: self.code, message: message, metadata: self.pushback)
    }

    /// The same delay for clients that repeat calls by a policy (gRFC A6, "Pushback").
    private var pushback: Metadata {
        var metadata = Metadata()
        guard let retryDelay = self.retryDelay else { return metadata }
        // Digits are legal in a value.
        try? metadata.append("\(max(1, Int64(retryDelay / .milliseconds(1))))", for: "grpc-retry-pushback-ms")
        return metadata
    }

    private func encoded(_ message: String) -> [UInt8]? {
        var status = GoogleRpc.Status()
        status.code = Int32(self.code.rawValue)
        status.message = message
        // Encoding our own values fails only beyond the encoder's memory limit; the error then travels without details.
        do {
            status.details = try self.messages.map { try Self.any($0) }
            return try status.encoded(reserving: 0)
        } catch {
            return nil
        }
    }

    private var messages: [any ProtobufMessage] {
        var info = GoogleRpc.ErrorInfo()
        info.reason = self.reason
        info.domain = Self.domain
        info.metadata = self.metadata
        var effect = NovitaiV1.ErrorEffect()
        effect.effect = self.effect
        effect.jobId = self.jobID
        return [info, effect] + self.optionalMessages
    }

    private var optionalMessages: [any ProtobufMessage] {
        var messages: [any ProtobufMessage] = []
        if !self.violations.isEmpty {
            var request = GoogleRpc.BadRequest()
            request.fieldViolations = self.violations
            messages.append(request)
        }
        if let quota = self.quota {
            var failure = GoogleRpc.QuotaFailure()
            failure.violations = [quota]
            messages.append(failure)
        }
        if let precondition = self.precondition {
            var failure = GoogleRpc.PreconditionFailure()
            failure.violations = [precondition]
            messages.append(failure)
        }
        if let resource = self.resource { messages.append(resource) }
        if let retryDelay = self.retryDelay {
            var retry = GoogleRpc.RetryInfo()
            retry.retryDelay = GoogleProtobuf.Duration(retryDelay)
            messages.append(retry)
        }
        return messages
    }

    private static func any(_ message: any ProtobufMessage) throws(RPCError) -> GoogleProtobuf.AnyMessage {
        var any = GoogleProtobuf.AnyMessage()
        any.typeUrl = "type.googleapis.com/" + type(of: message).protobufName
        any.value = try message.encoded(reserving: 0)
        return any
    }

    private var withShortTexts: Self {
        var copy = self
        copy.violations = self.violations.prefix(Self.shortenedViolations).map { violation in
            var violation = violation
            violation.field = Self.shortened(violation.field, to: Self.shortenedTextBytes)
            violation.description = Self.shortened(violation.description, to: Self.shortenedTextBytes)
            return violation
        }
        copy.quota?.description = Self.shortened(self.quota?.description ?? "", to: Self.shortenedTextBytes)
        copy.precondition?.subject = Self.shortened(self.precondition?.subject ?? "", to: Self.shortenedTextBytes)
        copy.precondition?.description = Self.shortened(self.precondition?.description ?? "", to: Self.shortenedTextBytes)
        copy.resource?.resourceName = Self.shortened(self.resource?.resourceName ?? "", to: Self.shortenedTextBytes)
        copy.resource?.description = Self.shortened(self.resource?.description ?? "", to: Self.shortenedTextBytes)
        copy.metadata = [:]
        return copy
    }

    private var withoutDetails: Self {
        var copy = Self(self.code, self.reason, self.message)
        copy.effect = self.effect
        copy.jobID = self.jobID
        return copy
    }

    /// Cut between characters, so that it stays valid UTF-8.
    static func shortened(_ text: String, to bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        var result = ""
        var count = 0
        for character in text {
            count += character.utf8.count
            if count > bytes - 3 { break }
            result.append(character)
        }
        return result + "…"
    }
}
