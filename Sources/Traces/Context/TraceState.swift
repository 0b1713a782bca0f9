/// The rules of `tracestate` (W3C Trace Context, level 1, section 3.3). It is handed on as it came; only what breaks the rules is not.
enum TraceState {
    /// Entries of one list.
    static let entriesMax = 32
    /// Characters that are handed on: what every system has to take.
    static let lengthMax = 512
    /// Characters of an entry that is dropped first when the list is too long.
    static let longEntry = 128

    private static let keyLengthMax = 256
    private static let tenantLengthMax = 241
    private static let systemLengthMax = 14
    private static let valueLengthMax = 256

    /// The list as it is handed on; empty when it is malformed.
    static func accepted(_ text: String) -> String {
        guard !text.isEmpty else { return "" }
        let entries = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(self.trimmed)
        let filled = entries.filter { !$0.isEmpty }
        guard filled.count <= self.entriesMax, filled.allSatisfy(self.isEntry) else { return "" }
        let keys = filled.map { Array($0.prefix { $0 != UInt8(ascii: "=") }) }
        guard Set(keys).count == keys.count else { return "" }
        return text.utf8.count <= self.lengthMax ? text : self.shortened(filled)
    }

    /// Whole entries are dropped: long ones first, then from the end.
    private static func shortened(_ entries: [Substring.UTF8View]) -> String {
        var kept = entries
        func length() -> Int { kept.reduce(kept.count - 1) { $0 + $1.count } }
        while length() > self.lengthMax, let long = kept.lastIndex(where: { $0.count > self.longEntry }) { kept.remove(at: long) }
        while length() > self.lengthMax { kept.removeLast() }
        return kept.map { String(Substring($0)) }.joined(separator: ",")
    }

    private static func isEntry(_ entry: Substring.UTF8View) -> Bool {
        guard let mark = entry.firstIndex(of: UInt8(ascii: "=")) else { return false }
        return self.isKey(entry[..<mark]) && self.isValue(entry[entry.index(after: mark)...])
    }

    /// `name`, or `tenant@system`.
    private static func isKey(_ key: Substring.UTF8View) -> Bool {
        let parts = key.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard let first = parts.first?.first, let last = parts.last?.first else { return false }
        guard parts.allSatisfy({ $0.allSatisfy(self.isKeyCharacter) }) else { return false }
        switch parts.count {
        case 1: return self.isLetter(first) && key.count <= self.keyLengthMax
        case 2:
            return (self.isLetter(first) || self.isDigit(first)) && self.isLetter(last) && parts[0].count <= self.tenantLengthMax
                && parts[1].count <= self.systemLengthMax
        default: return false
        }
    }

    /// Printable ASCII without commas and equals signs; it may not end in a blank, which trimming has seen to.
    private static func isValue(_ value: Substring.UTF8View) -> Bool {
        (1...self.valueLengthMax).contains(value.count)
            && value.allSatisfy { (0x20...0x7e).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=") }
    }

    private static func isKeyCharacter(_ byte: UInt8) -> Bool {
        self.isLetter(byte) || self.isDigit(byte) || "_-*/".utf8.contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func trimmed(_ text: Substring.UTF8View) -> Substring.UTF8View {
        var text = text
        while let first = text.first, first == 0x20 || first == 0x09 { text.removeFirst() }
        while let last = text.last, last == 0x20 || last == 0x09 { text.removeLast() }
        return text
    }
}
