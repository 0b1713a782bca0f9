internal import HTTPTypes

/// What every answer of the console tells the browser not to do.
enum SecurityHeaders {
    /// Nothing but our own files: no inline script or style, no other host, no frame around us, no form that goes anywhere, and no text
    /// that becomes markup.
    static let contentSecurityPolicy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "base-uri 'none'",
        "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
    ].joined(separator: "; ")

    static let fields: [(name: String, value: String)] = [
        ("Content-Security-Policy", contentSecurityPolicy),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ]

    static func add(to headers: inout HTTPFields) {
        for (name, value) in self.fields {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
    }
}
