/// Values as JSON text without white space, the members of an object sorted by name, so that equal values are equal texts.
///
/// For what is written hundreds of times a second: nothing is kept between a value and its text, and it needs no Foundation, whose encoder of
/// the same text takes several times as long.
package enum JSONTextEncoder {
    package static func text(of value: some Encodable) throws -> String {
        let writer = TextWriter()
        try writer.writeValue(value)
        if let failure = writer.failure { throw failure }
        return String(decoding: writer.text, as: UTF8.self)
    }
}

/// Writes each value where it is met. An object's members stand in the order in which they came until the object ends, and are put in order
/// then; so a container must not be written to when one around it has been since. What the compiler makes never does that.
private final class TextWriter: Encoder {
    /// An object or array that has not ended.
    struct Frame {
        var isObject: Bool
        /// Tells it from others that were at the same depth before.
        var serial: Int
        /// Of its members the first, in `members`.
        var firstMember: Int
        var count = 0
    }

    struct Member {
        var key: String
        /// The first bytes of it, by which most are put in order.
        var beginning: UInt64
        /// Where its key begins. It ends before the comma of the next one, or with the object.
        var start: Int

        /// By bytes, which is by code points.
        func isBefore(_ other: Self) -> Bool {
            if self.beginning != other.beginning { return self.beginning < other.beginning }
            return self.key.utf8.lexicographicallyPrecedes(other.key.utf8)
        }
    }

    /// A container's frame.
    struct Place {
        var depth: Int
        var serial: Int
    }

    private(set) var text: [UInt8] = []
    private(set) var failure: EncodingError?
    private var frames: [Frame] = []
    private var members: [Member] = []
    /// Of one object, when it ends.
    private var sorted: [UInt8] = []
    private var serial = 0
    /// Frames around the value that is being written.
    private var depth = 0

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init() {
        self.text.reserveCapacity(2048)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(TextObject<Key>(writer: self, place: self.open(isObject: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        TextArray(writer: self, place: self.open(isObject: false))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { TextValue(writer: self) }

    func writeValue(_ value: some Encodable) throws {
        let (depthBefore, start) = (self.depth, self.text.count)
        self.depth = self.frames.count
        try value.encode(to: self)
        self.close(to: self.depth)
        if self.text.count == start { self.append("{}") }
        self.depth = depthBefore
    }

    /// Makes room for the next member of an object; its value follows.
    func beginMember(_ key: some CodingKey, in place: Place) {
        guard self.proceed(in: place) else { return }
        let key = key.stringValue
        self.members.append(Member(key: key, beginning: Self.beginning(of: key), start: self.text.count))
        self.write(key)
        self.text.append(UInt8(ascii: ":"))
    }

    /// Makes room for the next element of an array; its value follows.
    func beginElement(in place: Place) {
        _ = self.proceed(in: place)
    }

    func count(in place: Place) -> Int { self.isOpen(place) ? self.frames[place.depth].count : 0 }

    /// Within a member or an element.
    func openNested(isObject: Bool) -> Place {
        self.serial += 1
        self.frames.append(Frame(isObject: isObject, serial: self.serial, firstMember: self.members.count))
        self.text.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
        return Place(depth: self.frames.count - 1, serial: self.serial)
    }

    func write(_ string: String) {
        self.text.append(UInt8(ascii: "\""))
        let start = self.text.count
        self.text.append(contentsOf: string.utf8)
        // Most strings have nothing to be escaped.
        if self.text[start...].contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
            self.text.removeSubrange(start...)
            for byte in string.utf8 { self.appendEscaped(byte) }
        }
        self.text.append(UInt8(ascii: "\""))
    }

    func write(_ value: Bool) { self.append(value ? "true" : "false") }

    func writeNull() { self.append("null") }

    func writeInteger(_ number: some FixedWidthInteger) {
        guard let number = Int64(exactly: number) else { return self.append(String(number)) }
        if number < 0 { self.text.append(UInt8(ascii: "-")) }
        var rest = number.magnitude
        var (digits, limit) = (1, UInt64(10))
        while rest >= limit, digits < 19 {
            digits += 1
            limit &*= 10
        }
        let start = self.text.count
        self.text.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: digits))
        for position in stride(from: start + digits - 1, through: start, by: -1) {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            self.text[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
            rest = quotient
        }
    }

    /// The shortest text that reads back as the same number.
    func writeFraction(_ number: some BinaryFloatingPoint & CustomStringConvertible) throws {
        guard number.isFinite else {
            throw EncodingError.invalidValue(number, .init(codingPath: [], debugDescription: "no number of JSON"))
        }
        let text = number.description
        self.append(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }

    private func append(_ text: String) {
        self.text.append(contentsOf: text.utf8)
    }

    private func appendEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            self.text.append(UInt8(ascii: "\\"))
            self.text.append(byte)
        case 0x08: self.append("\\b")
        case 0x0C: self.append("\\f")
        case 0x0A: self.append("\\n")
        case 0x0D: self.append("\\r")
        case 0x09: self.append("\\t")
        case ..<0x20: self.append("\\u00" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16))
        default: self.text.append(byte)
        }
    }

    // MARK: Objects and arrays

    /// The container of the value that is being written: a value may ask for it more than once.
    private func open(isObject: Bool) -> Place {
        guard self.frames.count > self.depth else { return self.openNested(isObject: isObject) }
        let place = Place(depth: self.depth, serial: self.frames[self.depth].serial)
        if self.frames[self.depth].isObject != isObject { self.fail() }
        return place
    }

    private func isOpen(_ place: Place) -> Bool {
        place.depth < self.frames.count && self.frames[place.depth].serial == place.serial
    }

    /// To the next of what is in a container.
    private func proceed(in place: Place) -> Bool {
        guard self.isOpen(place) else {
            self.fail()
            return false
        }
        if self.frames.count > place.depth + 1 { self.close(to: place.depth + 1) }
        if self.frames[place.depth].count > 0 { self.text.append(UInt8(ascii: ",")) }
        self.frames[place.depth].count += 1
        return true
    }

    private func close(to depth: Int) {
        while self.frames.count > depth, let frame = self.frames.popLast() {
            if frame.isObject, self.failure == nil { self.sortMembers(from: frame.firstMember) }
            self.text.append(frame.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        }
    }

    /// Puts the members of the object that ends here in order; of two with one name the later counts.
    private func sortMembers(from first: Int) {
        defer { self.members.removeSubrange(first...) }
        let members = self.members[first...]
        guard let start = members.first?.start, zip(members, members.dropFirst()).contains(where: { !$0.isBefore($1) }) else { return }
        let order = members.indices.sorted { self.members[$0].isBefore(self.members[$1]) }
        self.sorted.removeAll(keepingCapacity: true)
        for (position, member) in order.enumerated() {
            if position + 1 < order.count, !self.members[member].isBefore(self.members[order[position + 1]]) { continue }
            if !self.sorted.isEmpty { self.sorted.append(UInt8(ascii: ",")) }
            let end = member + 1 < members.endIndex ? self.members[member + 1].start - 1 : self.text.count
            self.sorted.append(contentsOf: self.text[self.members[member].start..<end])
        }
        self.text.removeSubrange(start...)
        self.text.append(contentsOf: self.sorted)
    }

    /// Classes that inherit are not written.
    func refusing() -> any Encoder {
        self.fail()
        return self
    }

    private static func beginning(of key: String) -> UInt64 {
        var (bytes, beginning) = (key.utf8.makeIterator(), UInt64(0))
        for _ in 0..<8 { beginning = beginning << 8 | UInt64(bytes.next() ?? 0) }
        return beginning
    }

    private func fail() {
        let context = EncodingError.Context(codingPath: [], debugDescription: "containers are not written one within the other")
        self.failure = self.failure ?? .invalidValue(self.text, context)
    }
}

private struct TextObject<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let writer: TextWriter
    let place: TextWriter.Place
    var codingPath: [any CodingKey] { [] }

    private func number(_ value: some FixedWidthInteger, _ key: Key) {
        self.writer.beginMember(key, in: self.place)
        self.writer.writeInteger(value)
    }

    func encodeNil(forKey key: Key) {
        self.writer.beginMember(key, in: self.place)
        self.writer.writeNull()
    }

    func encode(_ value: Bool, forKey key: Key) {
        self.writer.beginMember(key, in: self.place)
        self.writer.write(value)
    }

    func encode(_ value: String, forKey key: Key) {
        self.writer.beginMember(key, in: self.place)
        self.writer.write(value)
    }

    func encode(_ value: Double, forKey key: Key) throws {
        self.writer.beginMember(key, in: self.place)
        try self.writer.writeFraction(value)
    }

    func encode(_ value: Float, forKey key: Key) throws {
        self.writer.beginMember(key, in: self.place)
        try self.writer.writeFraction(value)
    }

    func encode(_ value: Int, forKey key: Key) { self.number(value, key) }
    func encode(_ value: Int8, forKey key: Key) { self.number(value, key) }
    func encode(_ value: Int16, forKey key: Key) { self.number(value, key) }
    func encode(_ value: Int32, forKey key: Key) { self.number(value, key) }
    func encode(_ value: Int64, forKey key: Key) { self.number(value, key) }
    func encode(_ value: UInt, forKey key: Key) { self.number(value, key) }
    func encode(_ value: UInt8, forKey key: Key) { self.number(value, key) }
    func encode(_ value: UInt16, forKey key: Key) { self.number(value, key) }
    func encode(_ value: UInt32, forKey key: Key) { self.number(value, key) }
    func encode(_ value: UInt64, forKey key: Key) { self.number(value, key) }

    func encode(_ value: some Encodable, forKey key: Key) throws {
        self.writer.beginMember(key, in: self.place)
        try self.writer.writeValue(value)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
        self.writer.beginMember(key, in: self.place)
        return KeyedEncodingContainer(TextObject<Nested>(writer: self.writer, place: self.writer.openNested(isObject: true)))
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        self.writer.beginMember(key, in: self.place)
        return TextArray(writer: self.writer, place: self.writer.openNested(isObject: false))
    }

    func superEncoder() -> any Encoder { self.writer.refusing() }
    func superEncoder(forKey key: Key) -> any Encoder { self.writer.refusing() }
}

private struct TextArray: UnkeyedEncodingContainer {
    let writer: TextWriter
    let place: TextWriter.Place
    var codingPath: [any CodingKey] { [] }
    var count: Int { self.writer.count(in: self.place) }

    private func number(_ value: some FixedWidthInteger) {
        self.writer.beginElement(in: self.place)
        self.writer.writeInteger(value)
    }

    func encodeNil() {
        self.writer.beginElement(in: self.place)
        self.writer.writeNull()
    }

    func encode(_ value: Bool) {
        self.writer.beginElement(in: self.place)
        self.writer.write(value)
    }

    func encode(_ value: String) {
        self.writer.beginElement(in: self.place)
        self.writer.write(value)
    }

    func encode(_ value: Double) throws {
        self.writer.beginElement(in: self.place)
        try self.writer.writeFraction(value)
    }

    func encode(_ value: Float) throws {
        self.writer.beginElement(in: self.place)
        try self.writer.writeFraction(value)
    }

    func encode(_ value: Int) { self.number(value) }
    func encode(_ value: Int8) { self.number(value) }
    func encode(_ value: Int16) { self.number(value) }
    func encode(_ value: Int32) { self.number(value) }
    func encode(_ value: Int64) { self.number(value) }
    func encode(_ value: UInt) { self.number(value) }
    func encode(_ value: UInt8) { self.number(value) }
    func encode(_ value: UInt16) { self.number(value) }
    func encode(_ value: UInt32) { self.number(value) }
    func encode(_ value: UInt64) { self.number(value) }

    func encode(_ value: some Encodable) throws {
        self.writer.beginElement(in: self.place)
        try self.writer.writeValue(value)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        self.writer.beginElement(in: self.place)
        return KeyedEncodingContainer(TextObject<Nested>(writer: self.writer, place: self.writer.openNested(isObject: true)))
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        self.writer.beginElement(in: self.place)
        return TextArray(writer: self.writer, place: self.writer.openNested(isObject: false))
    }

    func superEncoder() -> any Encoder { self.writer.refusing() }
}

private struct TextValue: SingleValueEncodingContainer {
    let writer: TextWriter
    var codingPath: [any CodingKey] { [] }

    func encodeNil() { self.writer.writeNull() }
    func encode(_ value: Bool) { self.writer.write(value) }
    func encode(_ value: String) { self.writer.write(value) }
    func encode(_ value: Double) throws { try self.writer.writeFraction(value) }
    func encode(_ value: Float) throws { try self.writer.writeFraction(value) }
    func encode(_ value: Int) { self.writer.writeInteger(value) }
    func encode(_ value: Int8) { self.writer.writeInteger(value) }
    func encode(_ value: Int16) { self.writer.writeInteger(value) }
    func encode(_ value: Int32) { self.writer.writeInteger(value) }
    func encode(_ value: Int64) { self.writer.writeInteger(value) }
    func encode(_ value: UInt) { self.writer.writeInteger(value) }
    func encode(_ value: UInt8) { self.writer.writeInteger(value) }
    func encode(_ value: UInt16) { self.writer.writeInteger(value) }
    func encode(_ value: UInt32) { self.writer.writeInteger(value) }
    func encode(_ value: UInt64) { self.writer.writeInteger(value) }
    func encode(_ value: some Encodable) throws { try self.writer.writeValue(value) }
}
