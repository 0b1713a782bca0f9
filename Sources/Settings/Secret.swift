/// A text that must not leak. It cannot print itself; who needs it says so.
package struct Secret: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    private let value: String

    package init(_ value: String) {
        self.value = value
    }

    /// Hands the secret out, for the one place that needs it.
    package func reveal() -> String { self.value }

    /// What stands between commas, without the white space around it.
    package var parts: [Secret] {
        self.value.split(separator: ",", omittingEmptySubsequences: false).map { Secret(Self.trimmed($0)) }
    }

    private static func trimmed(_ text: Substring) -> String {
        guard let first = text.firstIndex(where: { !$0.isWhitespace }), let last = text.lastIndex(where: { !$0.isWhitespace }) else {
            return ""
        }
        return String(text[first...last])
    }

    package var description: String { "Secret(redacted)" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Form<Secret> {
    package static func secret(_ rule: String, where isValid: @escaping @Sendable (String) -> Bool) -> Self {
        Form(rule: rule, parse: { isValid($0) ? Secret($0) : nil }, print: { _ in "(set)" })
    }

    /// Travels in an HTTP header.
    package static let headerSecret = Form.secret("printable ASCII without blanks, at most 4096 characters") { text in
        text.utf8.count <= 4096 && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    /// Keys of 32 bytes, with white space or commas between them.
    package static let keys32 = Form.secret("32 bytes in base64, or several such keys with commas between them") { text in
        let keys = text.split { $0.isWhitespace || $0 == "," }
        return !keys.isEmpty && keys.allSatisfy { isKey32($0) }
    }
}

/// 32 bytes in base64 (RFC 4648, section 4): 43 digits and one `=`; the last digit carries four bits, so its low two are zero.
private func isKey32(_ text: Substring) -> Bool {
    let bytes = Array(text.utf8)
    return bytes.count == 44 && bytes[43] == UInt8(ascii: "=") && bytes[..<43].allSatisfy(isBase64Digit)
        && "AEIMQUYcgkosw048".utf8.contains(bytes[42])
}

private func isBase64Digit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "+"), UInt8(ascii: "/"):
        true
    default: false
    }
}
