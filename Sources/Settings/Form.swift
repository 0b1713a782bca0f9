/// How the value of a setting is written: what is accepted, and what `config check` prints.
package struct Form<Value: Sendable>: Sendable {
    /// For people, after "must be".
    package let rule: String
    /// Nil for text that breaks the rule.
    package let parse: @Sendable (String) -> Value?
    package let print: @Sendable (Value) -> String

    package init(
        rule: String, parse: @escaping @Sendable (String) -> Value?, print: @escaping @Sendable (Value) -> String
    ) {
        self.rule = rule
        self.parse = parse
        self.print = print
    }
}

extension Form {
    /// The same form for a setting that may be absent.
    package var optional: Form<Value?> {
        Form<Value?>(rule: self.rule, parse: { self.parse($0).map(Optional.some) }, print: { $0.map(self.print) ?? "" })
    }
}

extension Form<Int> {
    package static func integer(_ range: ClosedRange<Int>, of what: String = "") -> Self {
        Form(
            rule: "a whole number\(what.isEmpty ? "" : " of \(what)") from \(range.lowerBound) to \(range.upperBound)",
            parse: { text in decimal(text).flatMap { range.contains($0) ? $0 : nil } },
            print: { String($0) })
    }
}

extension Form<Bool> {
    package static let boolean = Form(
        rule: "true or false", parse: { ["true": true, "false": false][$0.lowercased()] }, print: { $0 ? "true" : "false" })
}

extension Form<String> {
    package static func text(_ rule: String, where isValid: @escaping @Sendable (String) -> Bool) -> Self {
        Form(rule: rule, parse: { isValid($0) ? $0 : nil }, print: { $0 })
    }

    /// A file's path: relative ones are looked up from the working directory.
    package static let path = Form.text("the path of a file") { !$0.utf8.contains(0) }
}

extension Form where Value: CaseIterable & RawRepresentable<String> {
    /// One of the words of an enumeration, whatever the case.
    package static var word: Self {
        Form(
            rule: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "),
            parse: { Value(rawValue: $0.lowercased()) }, print: { $0.rawValue })
    }
}

extension Form<Duration> {
    /// A bare number counts the row's unit; a number may also be followed by `ms`, `s`, `m` or `h`.
    package static func duration(_ range: ClosedRange<Int>, in unit: DurationUnit) -> Self {
        let bounds = unit.duration(range.lowerBound)...unit.duration(range.upperBound)
        return Form(
            rule: "\(range.lowerBound) to \(range.upperBound) \(unit.plural), or a number with ms, s, m or h in that range",
            parse: { text in DurationUnit.parse(text, bare: unit).flatMap { bounds.contains($0) ? $0 : nil } },
            print: { DurationUnit.text($0) })
    }
}

extension Form<Dollars> {
    package static func dollars(upTo limit: Int64) -> Self {
        Form(
            rule: "an amount of US dollars from 0 to \(limit), with at most 6 decimals",
            parse: { text in Dollars(text).flatMap { $0.micros <= limit * 1_000_000 ? $0 : nil } }, print: { $0.description })
    }
}

/// ASCII digits and nothing else; nil for other text and beyond `Int`.
func decimal(_ text: some StringProtocol) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return Int(text)
}
