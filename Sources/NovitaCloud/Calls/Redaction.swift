/// Makes what the provider writes fit for the log and for callers, without the secrets that it repeats.
///
/// A secret is looked for in the whole text, before anything is cut or cleaned of it, as it is and as JSON inside of JSON would write
/// it; one of several lines also line by line, as errors quote them.
struct Redaction: Sendable {
    /// Shorter values are no secrets, and would be found everywhere.
    private static let lengthMin = 6
    /// As much of a text as is looked at, in scalars; what is shown of it is far less.
    private static let windowMax = 65_536
    /// A message may quote a request whose values were JSON already.
    private static let escapeDepth = 2
    /// `\u0041` for one scalar, with the backslash escaped once more.
    private static let escapedLengthMax = 7
    private static let mark = Array("[redacted]".unicodeScalars)

    /// By their first scalar.
    private let pieces: [Unicode.Scalar: [[Unicode.Scalar]]]
    private let longest: Int

    init(_ secrets: [String] = []) {
        let lines = secrets.flatMap { $0.split(whereSeparator: \.isNewline).map { Self.trimmed($0) } }
        let pieces = Set((secrets.map { Array($0.unicodeScalars) } + lines).filter { $0.count >= Self.lengthMin })
        self.pieces = Dictionary(grouping: pieces) { $0[0] }
        self.longest = pieces.map(\.count).max() ?? 0
    }

    private static func trimmed(_ line: Substring) -> [Unicode.Scalar] {
        let scalars = line.unicodeScalars.drop { $0.properties.isWhitespace }
        return Array(scalars.reversed().drop { $0.properties.isWhitespace }.reversed())
    }

    /// The text's beginning, on one line.
    func printable(_ text: String, atMost lengthMax: Int) -> String {
        let window = Array(text.unicodeScalars.prefix(Self.windowMax))
        let hidden = self.hidden(in: window, isCut: text.unicodeScalars.dropFirst(Self.windowMax).first != nil)
        var shown: [Unicode.Scalar] = []
        for (position, scalar) in window.enumerated() where shown.count < lengthMax {
            if !hidden[position] {
                shown.append(scalar.properties.generalCategory == .control ? " " : scalar)
            } else if position == 0 || !hidden[position - 1] {
                shown += Self.mark
            }
        }
        return String(String.UnicodeScalarView(shown.prefix(lengthMax)))
    }

    private func hidden(in window: [Unicode.Scalar], isCut: Bool) -> [Bool] {
        var hidden = Array(repeating: false, count: window.count)
        // One that begins here may go on behind the window.
        let margin = isCut ? self.longest * Self.escapedLengthMax : 0
        for position in hidden.indices.suffix(margin) { hidden[position] = true }
        var view = window.indices.map { Glyph(scalar: window[$0], range: $0..<$0 + 1) }
        for depth in 0...Self.escapeDepth {
            if depth > 0 { view = Self.unescaped(view) }
            var end = 0
            for start in view.indices {
                guard let length = self.match(in: view[start...]) else { continue }
                let range = max(end, view[start].range.lowerBound)..<max(end, view[start + length - 1].range.upperBound)
                for position in range { hidden[position] = true }
                end = range.upperBound
            }
        }
        return hidden
    }

    /// The length of the longest secret that the view begins with.
    private func match(in view: ArraySlice<Glyph>) -> Int? {
        guard let first = view.first, let pieces = self.pieces[first.scalar] else { return nil }
        return pieces.filter { piece in view.lazy.map(\.scalar).starts(with: piece) }.map(\.count).max()
    }
}

// MARK: - Escapes

extension Redaction {
    /// A scalar, and where it stands in the text, perhaps escaped.
    private struct Glyph {
        var scalar: Unicode.Scalar
        var range: Range<Int>
    }

    /// Without the escapes of RFC 8259, section 7.
    private static func unescaped(_ view: [Glyph]) -> [Glyph] {
        var result: [Glyph] = []
        var rest = view[...]
        while let first = rest.first {
            let (scalar, length) = Self.scalar(at: rest)
            result.append(Glyph(scalar: scalar, range: first.range.lowerBound..<rest[rest.startIndex + length - 1].range.upperBound))
            rest = rest.dropFirst(length)
        }
        return result
    }

    /// What stands at the beginning, and how long it is written.
    private static func scalar(at view: ArraySlice<Glyph>) -> (Unicode.Scalar, length: Int) {
        let scalars = view.prefix(12).map(\.scalar)
        guard scalars[0] == "\\", scalars.count > 1 else { return (scalars[0], 1) }
        switch scalars[1] {
        case "\"", "\\", "/": return (scalars[1], 2)
        case "n": return ("\n", 2)
        case "r": return ("\r", 2)
        case "t": return ("\t", 2)
        case "b": return ("\u{8}", 2)
        case "f": return ("\u{C}", 2)
        case "u": return Self.codePoint(scalars) ?? (scalars[0], 1)
        default: return (scalars[0], 1)
        }
    }

    /// One code unit of UTF-16, or two.
    private static func codePoint(_ scalars: [Unicode.Scalar]) -> (Unicode.Scalar, length: Int)? {
        guard let first = Self.codeUnit(scalars.prefix(6)) else { return nil }
        if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
        guard let second = Self.codeUnit(scalars.dropFirst(6)) else { return nil }
        var decoder = UTF16()
        var units = [first, second].makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&units) else { return nil }
        return (scalar, 12)
    }

    private static func codeUnit(_ scalars: ArraySlice<Unicode.Scalar>) -> UInt16? {
        guard scalars.count == 6, scalars.starts(with: ["\\", "u"]) else { return nil }
        let digits = scalars.dropFirst(2)
        guard digits.allSatisfy(\.properties.isASCIIHexDigit) else { return nil }
        return UInt16(String(String.UnicodeScalarView(digits)), radix: 16)
    }
}
