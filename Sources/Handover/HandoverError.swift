internal import SystemPackage

/// Why a socket cannot be had or given. Text for people.
package struct HandoverError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    init(_ what: String) { self.description = what }

    /// - Parameter code: a negative errno.
    init(_ what: String, code: CInt) { self.description = "\(what): \(Errno(rawValue: -code))" }
}
