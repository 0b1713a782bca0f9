extension Metadata {
    /// Names that only the library sets. `grpc-` is reserved as a whole, except for the one that handlers may use.
    private static let reservedNames: Set<String> = [
        "content-type", "te", "user-agent", "host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
    ]
    private static let permittedReservedName = "grpc-retry-pushback-ms"

    static func checkName(_ name: String, binary: Bool) throws(RPCError) {
        guard self.isLegalName(name) else {
            throw RPCError(code: .internal, message: "metadata \"\(name)\": a name has only 0-9 a-z _ - .")
        }
        guard !self.isReserved(name) else {
            throw RPCError(code: .internal, message: "metadata \"\(name)\": the name is reserved")
        }
        guard name.hasSuffix("-bin") == binary else {
            throw RPCError(code: .internal, message: "metadata \"\(name)\": names of binary values, and only they, end in -bin")
        }
    }

    static func isReserved(_ name: String) -> Bool {
        if name.hasPrefix("grpc-") { return name != self.permittedReservedName }
        return self.reservedNames.contains(name)
    }

    static func isLegalName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
                case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
                default: false
                }
            }
    }

    static func isLegalText(_ value: String) -> Bool {
        let blank = UInt8(ascii: " ")
        return value.utf8.first != blank && value.utf8.last != blank && value.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
}
