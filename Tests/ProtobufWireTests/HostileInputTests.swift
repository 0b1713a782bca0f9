import NovitaiProto
import ProtobufWire
import RPCCore
import TestProto
import TestSupport
import Testing

/// What an attacker may send: each case is refused with the right status, or decoded as every other implementation would.
@Suite("Hostile bytes are refused, cheaply and with the right status")
struct HostileInputTests {
    private func code<Message: ProtobufMessage>(_ type: Message.Type, _ bytes: [UInt8]) -> RPCError.Code {
        do throws(RPCError) {
            _ = try Message(decoding: bytes)
            return .ok
        } catch {
            return error.code
        }
    }

    // MARK: Malformed

    @Test(
        "what is not an encoding is INTERNAL",
        arguments: [
            ("a tag alone", [0x08]), ("a varint without an end", [0x18, 0xFF]),
            ("a varint of eleven bytes", [0x18] + .init(repeating: 0x80, count: 10) + [1]),
            ("four of eight bytes", [0x09, 0, 0, 0, 0]), ("a length beyond the end", [0x72, 5, 65]),
            ("a huge length", [0x72, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
            ("a length of 2^64 - 1", [0x72] + .init(repeating: 0xFF, count: 9) + [1]), ("field number 0", [0x00, 0x00]),
            ("a group", [0x0B, 0x0C]),
            ("the end of a group", [0x0C]), ("wire type 6", [0x0E]), ("wire type 7", [0x0F]),
            ("a tag of more than 32 bits", [0x88, 0x80, 0x80, 0x80, 0x10, 0]),
            ("a known field with another wire type", [0x70, 1]), ("a packed singular number", [0x1A, 1, 1]),
            ("packed doubles of 7 bytes", [0xCA, 0x02, 7, 0, 0, 0, 0, 0, 0, 0]),
            ("a packed varint without an end", [0xDA, 0x02, 1, 0xFF]), ("a nested message cut off", [0x8A, 0x01, 2, 0x0A, 5]),
        ] as [(String, [UInt8])])
    func malformed(_ what: String, _ bytes: [UInt8]) {
        #expect(code(NovitaiTestV1.EveryField.self, bytes) == .internal, "\(what)")
    }

    @Test("seeded noise and damaged messages never crash", arguments: [1, UInt64.random(in: 0...UInt64.max)])
    func noise(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let sample = try EveryFieldSamples.full.encoded()
        var accepted = 0
        for _ in 0..<500 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let message = try? NovitaiTestV1.EveryField(decoding: bytes) else { continue }
            accepted += 1
            let again = try NovitaiTestV1.EveryField(decoding: message.encoded())
            #expect(describe(again) == describe(message), "seed \(seed), bytes \(hex(bytes))")
        }
        #expect(accepted > 0, "some damage goes unnoticed, or the test does not test")
    }

    // MARK: Text

    @Test(
        "text that is not UTF-8 is INVALID_ARGUMENT and names the field",
        arguments: [[0xFF, 0xFE], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [65, 0x80]] as [[UInt8]])
    func invalidUTF8(_ text: [UInt8]) {
        var singular = WireWriter()
        singular.append(text, to: 14)
        var repeated = WireWriter()
        repeated.append(text, to: 54)
        var member = WireWriter()
        member.append(text, to: 82)
        var optional = WireWriter()
        optional.append(text, to: 34)
        var key = WireWriter()
        key.append(text, to: 1)
        var map = WireWriter()
        map.append(key.bytes, to: 61)
        let cases = [
            ("a_string", singular), ("strings", repeated), ("choice_string", member), ("optional_string", optional),
            ("strings_by_string", map),
        ]
        for (field, writer) in cases {
            #expect(throws: RPCError(code: .invalidArgument, message: "EveryField.\(field): not valid UTF-8")) {
                try NovitaiTestV1.EveryField(decoding: writer.bytes)
            }
        }
    }

    @Test("bytes fields take any bytes")
    func anyBytes() throws {
        var writer = WireWriter()
        writer.append([0xFF, 0xFE, 0], to: 15)
        #expect(try NovitaiTestV1.EveryField(decoding: writer.bytes).someBytes == [0xFF, 0xFE, 0])
    }

    // MARK: Depth

    @Test(
        "64 levels are read, the 65th is refused",
        arguments: [(1, RPCError.Code.ok), (64, .ok), (65, .invalidArgument), (100_000, .invalidArgument)])
    func depth(_ levels: Int, _ wanted: RPCError.Code) {
        #expect(code(NovitaiTestV1.Tree.self, nestedTree(levels: levels)) == wanted)
    }

    /// An encoding of `levels` trees, each the only child of the one around it. Made back to front: a message's length is known last.
    private func nestedTree(levels: Int) -> [UInt8] {
        var reversed: [UInt8] = []
        for _ in 1..<max(levels, 2) where levels > 1 {
            var length = reversed.count
            var varint: [UInt8] = []
            while length >= 0x80 {
                varint.append(UInt8(length & 0x7F) | 0x80)
                length >>= 7
            }
            varint.append(UInt8(length))
            reversed += varint.reversed() + [0x12]
        }
        return reversed.reversed()
    }

    // MARK: Quantity

    @Test(
        "a singular message repeated is merged, 16 repetitions are the most", arguments: [(16, RPCError.Code.ok), (17, .resourceExhausted)])
    func merging(_ repetitions: Int, _ wanted: RPCError.Code) {
        let bytes = holder(items: 1) + [UInt8](repeatingPattern: [0x0A, 2, 0x0A, 0], count: repetitions)
        #expect(code(NovitaiTestV1.Holder.self, bytes) == wanted)
    }

    @Test("merging gives the union, as the format says")
    func mergedContent() throws {
        let message = try NovitaiTestV1.Holder(decoding: (holder(items: 2) + holder(items: 3)))
        #expect(message.inner?.items.count == 5)
    }

    @Test("repetitions are counted across all levels")
    func nestedMerging() {
        var nested = WireWriter()
        for _ in 0..<10 { nested.append([], to: 2) }  // EveryField.Nested.inner: once, and nine repetitions
        var message = WireWriter()
        message.append(nested.bytes, to: 18)
        #expect(code(NovitaiTestV1.EveryField.self, message.bytes) == .ok)
        message.append(nested.bytes, to: 18)
        #expect(code(NovitaiTestV1.EveryField.self, message.bytes) == .resourceExhausted)
    }

    @Test("a quadratic merge ends at once: a list of 200 KB and 4000 repetitions")
    func quadraticMerge() {
        let bytes = holder(items: 90_000) + [UInt8](repeatingPattern: [0x0A, 2, 0x0A, 0], count: 4000)
        #expect(code(NovitaiTestV1.Holder.self, bytes) == .resourceExhausted)
    }

    @Test("merging within the count but beyond the memory budget is RESOURCE_EXHAUSTED, not INTERNAL")
    func mergeBudget() {
        let bytes = holder(items: 40_000) + [UInt8](repeatingPattern: [0x0A, 2, 0x0A, 0], count: 16)
        #expect(throws: RPCError(code: .resourceExhausted, message: "message: needs more memory than a message may have")) {
            try NovitaiTestV1.Holder(decoding: bytes)
        }
    }

    private func holder(items: Int) -> [UInt8] {
        var writer = WireWriter()
        writer.append([UInt8](repeatingPattern: [0x0A, 0], count: items), to: 1)
        return writer.bytes
    }

    @Test(
        "unknown fields are dropped, 1000 are the most",
        arguments: [(1000, RPCError.Code.ok), (1001, .resourceExhausted), (2_000_000, .resourceExhausted)])
    func unknownFields(_ count: Int, _ wanted: RPCError.Code) {
        #expect(code(NovitaiTestV1.Nothing.self, [UInt8](repeatingPattern: [0x18, 1], count: count)) == wanted)
    }

    @Test("a newer peer's fields are dropped, the known ones are read")
    func newerPeer() throws {
        let newer = EveryFieldSamples.full
        let older = try NovitaiTestV1.Older(decoding: newer.encoded())
        #expect(older.aDouble == newer.aDouble && older.aLeaf == newer.aLeaf)
        let known = try NovitaiTestV1.EveryField(decoding: older.encoded())
        #expect(known.aString.isEmpty && known.aLeaf == newer.aLeaf)
    }

    @Test(
        "empty items are two bytes each; 100 000 fields are the most",
        arguments: [(99_999, RPCError.Code.ok), (100_000, .resourceExhausted), (2_000_000, .resourceExhausted)])
    func emptyItems(_ count: Int, _ wanted: RPCError.Code) {
        #expect(code(NovitaiTestV1.Holder.self, holder(items: count)) == wanted)
    }

    @Test("packed numbers are one field, however many they are")
    func packed() throws {
        var writer = WireWriter()
        writer.append([UInt8](repeating: 1, count: 1_000_000), to: 43)
        #expect(try NovitaiTestV1.EveryField(decoding: writer.bytes).int32s.count == 1_000_000)
    }

    @Test("a message that would need more than the arena may have is not encoded")
    func encodingBudget() {
        var message = NovitaiTestV1.EveryField()
        message.aString = String(repeating: "1", count: WireLimits.arenaTotal)
        #expect(throws: RPCError(code: .resourceExhausted, message: "message: needs more memory than a message may have")) {
            try message.encoded()
        }
        #expect((try? EveryFieldSamples.full.encoded()) != nil, "the next message has its own budget")
    }

    // MARK: Values

    @Test("of several map entries with one key the last counts; a missing key or value is the default")
    func maps() throws {
        var writer = WireWriter()
        for entry in [[0x0A, 1, 97, 0x12, 1, 49], [0x0A, 1, 97, 0x12, 1, 50], [0x12, 1, 51], [0x0A, 1, 98]] as [[UInt8]] {
            writer.append(entry, to: 61)
        }
        writer.append([0x08, 5], to: 63)
        let message = try NovitaiTestV1.EveryField(decoding: writer.bytes)
        #expect(message.stringsByString == ["a": "2", "": "3", "b": ""])
        #expect(message.leavesByInt64 == [5: NovitaiTestV1.Leaf()])
    }

    @Test("of several members of a oneof the last counts")
    func oneOf() throws {
        let bytes: [UInt8] = [0x88, 0x05, 7, 0x92, 0x05, 1, 120]
        #expect(try NovitaiTestV1.EveryField(decoding: bytes).choice == .choiceString("x"))
    }

    @Test("repeated numbers are read packed and unpacked, whatever the schema says")
    func packing() throws {
        let bytes: [UInt8] = [0xD8, 0x02, 1, 0xDA, 0x02, 2, 2, 3, 0xD2, 0x03, 2, 4, 5, 0xD0, 0x03, 6]
        let message = try NovitaiTestV1.EveryField(decoding: bytes)
        #expect(message.int32s == [1, 2, 3] && message.unpackedInt32s == [4, 5, 6])
    }

    @Test(
        "a Timestamp out of range is INVALID_ARGUMENT, read or written",
        arguments: [
            (-62_135_596_800, 0, true), (253_402_300_799, 999_999_999, true), (-62_135_596_801, 0, false), (253_402_300_800, 0, false),
            (0, -1, false), (0, 1_000_000_000, false), (.min, 0, false), (.max, 0, false),
        ] as [(Int64, Int32, Bool)])
    func timestamps(_ seconds: Int64, _ nanos: Int32, _ isValid: Bool) throws {
        var timestamp = GoogleProtobuf.Timestamp()
        timestamp.seconds = seconds
        timestamp.nanos = nanos
        try check(timestamp, seconds, nanos, isValid)
    }

    @Test(
        "a Duration out of range or of two signs is INVALID_ARGUMENT, read or written",
        arguments: [
            (315_576_000_000, 999_999_999, true), (-1, -1, true), (0, -999_999_999, true), (315_576_000_001, 0, false),
            (-315_576_000_001, 0, false),
            (1, -1, false), (-1, 1, false), (0, 1_000_000_000, false), (.min, 0, false),
        ] as [(Int64, Int32, Bool)])
    func durations(_ seconds: Int64, _ nanos: Int32, _ isValid: Bool) throws {
        var duration = GoogleProtobuf.Duration()
        duration.seconds = seconds
        duration.nanos = nanos
        try check(duration, seconds, nanos, isValid)
    }

    private func check<Message: ProtobufMessage>(_ message: Message, _ seconds: Int64, _ nanos: Int32, _ isValid: Bool) throws {
        var writer = WireWriter()
        writer.append(WireField(number: 1, content: .varint(UInt64(bitPattern: seconds))))
        writer.append(WireField(number: 2, content: .varint(UInt64(bitPattern: Int64(nanos)))))
        let wanted: RPCError.Code = isValid ? .ok : .invalidArgument
        #expect(code(Message.self, writer.bytes) == wanted)
        let written = Result { () throws(RPCError) in try message.encoded() }
        #expect(written.error?.code == (isValid ? nil : .invalidArgument))
    }
}

extension Result {
    fileprivate var error: Failure? {
        guard case .failure(let error) = self else { return nil }
        return error
    }
}

extension [UInt8] {
    init(repeatingPattern pattern: [UInt8], count: Int) {
        self = []
        self.reserveCapacity(pattern.count * count)
        for _ in 0..<count { self += pattern }
    }
}
