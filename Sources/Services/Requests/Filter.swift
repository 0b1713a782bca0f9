internal import Fleet

/// Terms `field = value` joined by `AND`. A value is a bare word or stands in double quotes, where `\"` and `\\` are escapes.
struct Filter {
    static let bytesMax = 2048
    static let termsMax = 16

    struct Term: Equatable {
        var field: String
        var value: String
    }

    let terms: [Term]

    /// - Throws: `invalidArgument` for the field `filter`.
    init(_ text: String) throws(FleetError) {
        guard text.utf8.count <= Self.bytesMax else { throw Self.violation("must have at most \(Self.bytesMax) bytes") }
        var scanner = Scanner(text)
        var terms: [Term] = []
        while !scanner.isAtEnd {
            if !terms.isEmpty {
                guard scanner.takeWord() == "AND" else { throw Self.violation("terms must be joined by AND") }
            }
            terms.append(try scanner.takeTerm())
            guard terms.count <= Self.termsMax else { throw Self.violation("must have at most \(Self.termsMax) terms") }
        }
        self.terms = terms
    }

    static func violation(_ rule: String) -> FleetError { .invalid([FieldViolation("filter", rule)]) }

    private struct Scanner {
        private var rest: Substring

        init(_ text: String) {
            self.rest = text[...]
            self.skipBlanks()
        }

        var isAtEnd: Bool { self.rest.isEmpty }

        mutating func takeTerm() throws(FleetError) -> Term {
            let field = self.takeWord()
            guard !field.isEmpty else { throw Filter.violation("a term must be: field = value") }
            guard self.rest.first == "=" else { throw Filter.violation("after \(field) there must be =") }
            self.rest.removeFirst()
            self.skipBlanks()
            // In quotes it may be empty: a label may have no value.
            if self.rest.first == "\"" { return Term(field: field, value: try self.takeQuoted(for: field)) }
            let value = self.takeWord()
            guard !value.isEmpty else { throw Filter.violation("\(field) must have a value") }
            return Term(field: field, value: value)
        }

        /// Up to a blank, `=` or quote.
        mutating func takeWord() -> String {
            let word = self.rest.prefix { !$0.isWhitespace && $0 != "=" && $0 != "\"" }
            self.rest = self.rest[word.endIndex...]
            self.skipBlanks()
            return String(word)
        }

        private mutating func takeQuoted(for field: String) throws(FleetError) -> String {
            self.rest.removeFirst()
            var value = ""
            while let character = self.rest.popFirst() {
                if character == "\"" {
                    guard self.rest.first?.isWhitespace ?? true else {
                        throw Filter.violation("after the value of \(field) there must be a blank")
                    }
                    self.skipBlanks()
                    return value
                }
                guard character == "\\" else {
                    value.append(character)
                    continue
                }
                guard let escaped = self.rest.popFirst(), escaped == "\"" || escaped == "\\" else {
                    throw Filter.violation("the value of \(field) has an unknown escape")
                }
                value.append(escaped)
            }
            throw Filter.violation("the value of \(field) has no closing quote")
        }

        private mutating func skipBlanks() {
            self.rest = self.rest.drop { $0.isWhitespace }
        }
    }
}

/// A field that can be filtered by.
struct FilterField<Object> {
    typealias Test = @Sendable (Object) -> Bool

    let name: String
    /// For people, when a value is not one of the field's.
    let rule: String
    /// Nil for a value that the field cannot have.
    let test: @Sendable (String) -> Test?

    init(_ name: String, rule: String = "", _ test: @escaping @Sendable (String) -> Test?) {
        self.name = name
        self.rule = rule
        self.test = test
    }

    /// A field of text, compared as a whole.
    init(_ name: String, equals texts: @escaping @Sendable (Object) -> [String]) {
        self.init(name) { wanted in { texts($0).contains(wanted) } }
    }
}

/// What a filter means for one kind of objects.
struct Predicate<Object>: Sendable {
    private let tests: [FilterField<Object>.Test]

    /// - Parameter prefixed: fields whose name goes on after a prefix, such as `labels.`: from what follows to the field.
    init(_ filter: Filter, fields: [FilterField<Object>], prefixed: (prefix: String, field: (String) -> FilterField<Object>)? = nil)
        throws(FleetError)
    {
        var tests: [FilterField<Object>.Test] = []
        for term in filter.terms {
            guard let field = Self.field(term.field, fields, prefixed) else {
                let known = fields.map(\.name) + (prefixed.map { ["\($0.prefix)KEY"] } ?? [])
                throw Filter.violation("\(term.field) is not one of \(known.joined(separator: ", "))")
            }
            guard let test = field.test(term.value) else { throw Filter.violation("\(term.field) must be \(field.rule)") }
            tests.append(test)
        }
        self.tests = tests
    }

    var isEmpty: Bool { self.tests.isEmpty }

    func matches(_ object: Object) -> Bool { self.tests.allSatisfy { $0(object) } }

    private static func field(
        _ name: String, _ fields: [FilterField<Object>], _ prefixed: (prefix: String, field: (String) -> FilterField<Object>)?
    ) -> FilterField<Object>? {
        if let field = fields.first(where: { $0.name == name }) { return field }
        guard let prefixed, name.hasPrefix(prefixed.prefix), name.count > prefixed.prefix.count else { return nil }
        return prefixed.field(String(name.dropFirst(prefixed.prefix.count)))
    }
}
