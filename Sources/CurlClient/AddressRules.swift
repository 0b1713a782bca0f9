/// Which addresses a client may connect to, decided on the address itself after names have been resolved: a name, a redirect or an odd
/// spelling cannot lead elsewhere.
package enum AddressRules: Sendable, Hashable {
    /// For peers that the operator named.
    case any
    /// For peers that others name: nothing that is private, local or reserved, but for the exceptions.
    case global(except: Set<Exception> = [])

    package enum Exception: Sendable, Hashable {
        /// This machine, for a provider that is simulated on it.
        case loopback
        /// Networks that an organisation has for itself: RFC 1918 and RFC 4193, without the addresses at which clouds keep credentials.
        case privateNetworks

        fileprivate func contains(_ bytes: [UInt8]) -> Bool {
            switch (self, bytes.count) {
            case (.loopback, 4): bytes[0] == 127
            case (.loopback, 16): Block([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128).contains(bytes)
            case (.privateNetworks, 4): AddressRules.privateV4.contains { $0.contains(bytes) }
            case (.privateNetworks, 16):
                AddressRules.uniqueLocalV6.contains(bytes) && !AddressRules.cloudMetadataV6.contains { $0.contains(bytes) }
            default: false
            }
        }
    }

    /// - Parameter bytes: 4 of an IPv4 address or 16 of an IPv6 one, in network order.
    package func allow(_ bytes: [UInt8]) -> Bool {
        switch self {
        case .any: true
        case .global(let exceptions): Self.isGlobal(bytes) || exceptions.contains { $0.contains(bytes) }
        }
    }

    private static func isGlobal(_ bytes: [UInt8]) -> Bool {
        switch bytes.count {
        case 4: !self.reservedV4.contains { $0.contains(bytes) }
        case 16: self.isGlobalV6(bytes)
        default: false
        }
    }

    /// An address that is translated to an IPv4 one is judged as that. Otherwise only what IANA gives out for the internet is allowed, without
    /// its special-purpose addresses: what is not listed yet is nobody's, and tunnels (6to4, Teredo, `::a.b.c.d`) lead where IPv4 does.
    private static func isGlobalV6(_ bytes: [UInt8]) -> Bool {
        if self.translatedV6.contains(where: { $0.contains(bytes) }) { return self.isGlobal(Array(bytes[12...])) }
        return self.unicastV6.contains(bytes) && !self.reservedV6.contains { $0.contains(bytes) }
    }

    fileprivate struct Block: Sendable {
        private let prefix: [UInt8]
        private let bits: Int

        init(_ prefix: [UInt8], _ bits: Int) {
            self.prefix = prefix
            self.bits = bits
        }

        func contains(_ address: [UInt8]) -> Bool {
            for bit in 0..<self.bits {
                let mask = UInt8(0x80) >> UInt8(bit % 8)
                let wanted = bit / 8 < self.prefix.count ? self.prefix[bit / 8] : 0
                if address[bit / 8] & mask != wanted & mask { return false }
            }
            return true
        }
    }

    private static let privateV4: [Block] = [Block([10], 8), Block([172, 16], 12), Block([192, 168], 16)]
    private static let uniqueLocalV6 = Block([0xFC], 7)
    /// Of AWS, Google Cloud, Oracle Cloud and Scaleway: unique-local, where IPv4 has a link-local one.
    private static let cloudMetadataV6: [Block] = [
        Block([0xFD, 0x00, 0x0E, 0xC2], 32), Block([0xFD, 0x20, 0x00, 0xCE], 32), Block([0xFD, 0x00, 0x00, 0xC1], 32),
        Block([0xFD, 0x00, 0x00, 0x42], 32),
    ]

    /// IANA's registry of IPv4 special-purpose addresses, multicast, and the public address at which Azure serves its machines.
    private static let reservedV4: [Block] =
        Self.privateV4 + [
            Block([0], 8), Block([100, 64], 10), Block([127], 8), Block([169, 254], 16), Block([192, 0, 0], 24), Block([192, 0, 2], 24),
            Block([192, 88, 99], 24), Block([168, 63, 129, 16], 32), Block([198, 18], 15), Block([198, 51, 100], 24),
            Block([203, 0, 113], 24), Block([224], 4), Block([240], 4),
        ]

    /// Mapped (RFC 4291, 2.5.5.2), and the well-known prefix of translators (RFC 6052): with an IPv4 address at the end.
    private static let translatedV6: [Block] = [
        Block([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 96), Block([0, 0x64, 0xFF, 0x9B], 96),
    ]

    /// All that IANA has given out for unicast on the internet.
    private static let unicastV6 = Block([0x20], 3)
    /// Within it: protocol assignments (Teredo, benchmarks, ORCHID and others), documentation, 6to4.
    private static let reservedV6: [Block] = [
        Block([0x20, 0x01], 23), Block([0x20, 0x01, 0x0D, 0xB8], 32), Block([0x20, 0x02], 16), Block([0x3F, 0xFF], 20),
    ]
}
