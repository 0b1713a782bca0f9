/// Finds a method by the bytes of `:path`, without making a string of them. Paths are compared byte for byte: nothing is decoded.
package final class RouteTable: Sendable {
    private struct Entry: Sendable {
        let path: [UInt8]
        let method: RegisteredMethod
    }

    /// Open addressing; a power of two in size, and at most half full.
    private let slots: [Entry?]
    private let services: Set<String>
    package let interceptors: [any ServerInterceptor]

    package init(_ router: Router) {
        let methods = router.registeredMethods
        var size = 16
        while size < 2 * methods.count { size *= 2 }
        var slots = [Entry?](repeating: nil, count: size)
        for method in methods {
            let path = Array(method.descriptor.path.utf8)
            var slot = Self.hash(path.span) & (size - 1)
            while slots[slot] != nil { slot = (slot + 1) & (size - 1) }
            slots[slot] = Entry(path: path, method: method)
        }
        self.slots = slots
        self.services = Set(router.services)
        self.interceptors = router.interceptors
    }

    package func method(at path: Span<UInt8>) -> RegisteredMethod? {
        var slot = Self.hash(path) & (self.slots.count - 1)
        while let entry = self.slots[slot] {
            if entry.path.isEqual(to: path) { return entry.method }
            slot = (slot + 1) & (self.slots.count - 1)
        }
        return nil
    }

    /// UNIMPLEMENTED, with what is missing: the service, or the method in it. The service is everything up to the last slash.
    package func refusal(ofPath path: String) -> RPCError {
        guard path.first == "/", let slash = path.dropFirst().lastIndex(of: "/") else {
            return RPCError(code: .unimplemented, message: "malformed method name \"\(path)\"")
        }
        let service = String(path[path.index(after: path.startIndex)..<slash])
        let method = path[path.index(after: slash)...]
        guard self.services.contains(service) else { return RPCError(code: .unimplemented, message: "unknown service \(service)") }
        return RPCError(code: .unimplemented, message: "unknown method \(method) of service \(service)")
    }

    /// FNV-1a over the last bytes: methods differ there, and whole paths are compared anyway.
    private static func hash(_ path: Span<UInt8>) -> Int {
        var hash: UInt32 = 2_166_136_261
        for index in max(0, path.count - 12)..<path.count { hash = (hash ^ UInt32(path[index])) &* 16_777_619 }
        return Int(hash ^ hash >> 15)
    }
}

extension Array where Element == UInt8 {
    func isEqual(to other: Span<UInt8>) -> Bool {
        guard self.count == other.count else { return false }
        for index in other.indices where self[index] != other[index] { return false }
        return true
    }
}
