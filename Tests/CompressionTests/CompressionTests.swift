import RPCCore
import Testing

@testable import Compression

@Suite("Compression")
struct CompressionTests {
    static let formats = [ZlibFormat.gzip, .deflate]

    /// Text that repeats itself, and noise that does not.
    static func bytes(_ count: Int, isNoise: Bool = false) -> [UInt8] {
        var state: UInt64 = 42
        return (0..<count).map { index in
            state = state &* 6_364_136_223_846_793_005 &+ 1
            return isNoise ? UInt8(truncatingIfNeeded: state >> 33) : UInt8(truncatingIfNeeded: index % 23)
        }
    }

    static func compress(_ bytes: [UInt8], reserving prefix: Int = 0, _ format: ZlibFormat) throws -> [UInt8] {
        try unsafe Zlib.compress(bytes.span.bytes, reserving: prefix, format)
    }

    static func decompress(_ bytes: [UInt8], limit: Int, _ format: ZlibFormat) -> Result<[UInt8], ZlibError> {
        Result { () throws(ZlibError) in try unsafe Zlib.decompress(bytes.span.bytes, limit: limit, format) }
    }

    @Test("what goes in comes out", arguments: formats, [0, 1, 100, 65_535, 1_000_000])
    func roundTrip(_ format: ZlibFormat, _ count: Int) throws {
        for isNoise in [false, true] {
            let bytes = Self.bytes(count, isNoise: isNoise)
            let packed = try Self.compress(bytes, format)
            if !isNoise, count >= 100 { #expect(packed.count < count / 2) }
            #expect(Self.decompress(packed, limit: count, format) == .success(bytes))
        }
    }

    @Test("the formats are those of RFC 1952 and RFC 1950", arguments: formats)
    func headers(_ format: ZlibFormat) throws {
        let packed = try Self.compress([1, 2, 3], format)
        #expect(packed.prefix(format == .gzip ? 2 : 1) == (format == .gzip ? [0x1F, 0x8B] : [0x78]))
        #expect(Self.decompress(packed, limit: 10, format == .gzip ? .deflate : .gzip) == .failure(.malformed))
    }

    @Test("a prefix is left free", arguments: formats)
    func prefix(_ format: ZlibFormat) throws {
        let packed = try Self.compress([1, 2, 3], reserving: 5, format)
        #expect(packed.prefix(5) == [0, 0, 0, 0, 0])
        #expect(Self.decompress(Array(packed.dropFirst(5)), limit: 3, format) == .success([1, 2, 3]))
    }

    @Test("a message at the limit is taken, one beyond it is not", arguments: formats)
    func limit(_ format: ZlibFormat) throws {
        let bytes = Self.bytes(10_000)
        let packed = try Self.compress(bytes, format)
        #expect(Self.decompress(packed, limit: 10_000, format) == .success(bytes))
        #expect(Self.decompress(packed, limit: 9_999, format) == .failure(.tooLong))
        #expect(Self.decompress(packed, limit: 0, format) == .failure(.tooLong))
    }

    @Test("whatever is cut, followed or changed is malformed", arguments: formats)
    func malformed(_ format: ZlibFormat) throws {
        let packed = try Self.compress(Self.bytes(1000), format)
        for count in 0..<packed.count {
            let result = Self.decompress(Array(packed.prefix(count)), limit: 1000, format)
            // The last bytes of what is left may state any size.
            #expect(result == .failure(.malformed) || (format == .gzip && result == .failure(.tooLong)))
        }
        #expect(Self.decompress(packed + [0], limit: 1000, format) == .failure(.malformed))
        #expect(Self.decompress(packed + packed, limit: 2000, format) == .failure(.malformed))
        var changed = packed
        changed[changed.count - 1] ^= 1
        #expect(Self.decompress(changed, limit: 1000, format) == .failure(.malformed))
    }

    @Test("a bomb is refused before it is unfolded", arguments: formats)
    func bomb(_ format: ZlibFormat) throws {
        let bomb = try Self.compress([UInt8](repeating: 0, count: 20 << 20), format)
        #expect(bomb.count < 200_000)
        #expect(Self.decompress(bomb, limit: 4 << 20, format) == .failure(.tooLong))
        let tight = Self.decompress(try Self.tightest(2 << 20, format), limit: 4 << 20, format)
        #expect(tight == .failure(.bomb))
    }

    @Test("who states another size than there is, is not believed", arguments: [0, 1, 999, 1001, 4 << 20, 0xFFFF_FFFF])
    func liar(_ stated: UInt32) throws {
        var packed = try Self.compress(Self.bytes(1000), .gzip)
        for place in 0..<4 { packed[packed.count - 4 + place] = UInt8(truncatingIfNeeded: stated >> (8 * place)) }
        #expect(Self.decompress(packed, limit: 4 << 20, .gzip) == .failure(.malformed))
    }

    /// Zeros as small as zlib makes them: 1030 times smaller.
    private static func tightest(_ count: Int, _ format: ZlibFormat) throws -> [UInt8] {
        try unsafe Zlib.compress([UInt8](repeating: 0, count: count).span.bytes, reserving: 0, format, level: 9)
    }

    @Test("random bytes are malformed, and nothing worse", arguments: 0..<20)
    func noise(_ seed: Int) {
        for format in Self.formats {
            var bytes = Self.bytes(200, isNoise: true).map { $0 &+ UInt8(seed) }
            bytes.replaceSubrange(0..<4, with: format == .gzip ? [0x1F, 0x8B, 8, 0] : [0x78, 0x01, bytes[2], bytes[3]])
            if case .success = Self.decompress(bytes, limit: 1 << 20, format) { Issue.record("taken") }
        }
    }

    @Test("as codings of gRPC: garbage is INTERNAL, too much is RESOURCE_EXHAUSTED")
    func codecs() throws {
        #expect(MessageCodecs.standard.accepted == "identity,gzip,deflate")
        #expect(ZlibError.malformed.code == .internal && ZlibError.tooLong.code == .resourceExhausted)
    }
}
