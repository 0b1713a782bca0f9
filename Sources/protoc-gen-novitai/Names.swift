/// How the things of a `.proto` file are called in Swift.
enum SwiftName {
    /// `grpc.reflection.v1alpha` → `GrpcReflectionV1Alpha`.
    static func namespace(_ package: String) -> String {
        package.split(separator: ".").map { self.camel(String($0), afterDigits: true) }.joined()
    }

    /// `gpu_count` → `gpuCount`; quoted with backticks when it is a keyword.
    static func property(_ name: String) -> String { self.quoted(self.lowerFirst(self.camel(name))) }

    /// `GetInstance` → `getInstance`.
    static func method(_ name: String) -> String { self.quoted(self.lowerFirst(name)) }

    /// The name of a message or enum. Swift does not allow a member type `Type`, and `Any` could only be used in backticks.
    static func type(_ name: String, suffix: String) -> String {
        ["Type", "Protocol", "Self", "Any"].contains(name) ? name + suffix : name
    }

    /// `INSTANCE_STATE_PENDING` of `InstanceState` → `pending`.
    static func enumValue(_ value: String, of enumeration: String) -> String {
        let prefix = self.snake(enumeration).uppercased() + "_"
        let rest = value.hasPrefix(prefix) ? String(value.dropFirst(prefix.count)) : value
        let name = self.lowerFirst(self.camel(rest.lowercased()))
        return name.first?.isNumber == true ? "_" + name : self.quoted(name)
    }

    private static func camel(_ name: String, afterDigits: Bool = false) -> String {
        var result = ""
        var upper = true
        for character in name {
            if character == "_" {
                upper = true
                continue
            }
            result.append(contentsOf: upper ? character.uppercased() : String(character))
            upper = afterDigits && character.isNumber
        }
        return result
    }

    private static func snake(_ name: String) -> String {
        var result = ""
        var previous: Character?
        for character in name {
            if character.isUppercase, let previous, previous.isLowercase || previous.isNumber { result.append("_") }
            result.append(character)
            previous = character
        }
        return result
    }

    private static func lowerFirst(_ name: String) -> String { name.prefix(1).lowercased() + name.dropFirst() }

    private static func quoted(_ name: String) -> String { self.keywords.contains(name) ? "`\(name)`" : name }

    private static let keywords: Set<String> = [
        "Any", "as", "associatedtype", "break", "case", "catch", "class", "continue", "default", "defer", "deinit", "do", "else", "enum",
        "extension", "fallthrough", "false", "fileprivate", "for", "func", "guard", "if", "import", "in", "init", "inout", "internal", "is",
        "let", "nil", "operator", "precedencegroup", "private", "protocol", "public", "repeat", "rethrows", "return", "self", "static",
        "struct", "subscript", "super", "switch", "throw", "throws", "true", "try", "typealias", "var", "where", "while",
    ]
}

/// How protoc-gen-c calls them in C, after its `c_helpers.cc`.
enum CName {
    /// `novitai.v1.PortSpec` → `Novitai__V1__PortSpec`.
    static func type(_ fullName: String) -> String {
        fullName.split(separator: ".").map { self.camel($0) }.joined(separator: "__")
    }

    /// `novitai.v1.PortSpec` → `novitai__v1__port_spec`, to which `__init` and `__descriptor` are appended.
    static func prefix(_ fullName: String) -> String {
        fullName.split(separator: ".").map { self.lower($0) }.joined(separator: "__")
    }

    static func field(_ name: String) -> String {
        let lower = name.lowercased()
        return self.keywords.contains(lower) ? lower + "_" : lower
    }

    /// The field as Swift names it behind a dot, where only two words are special.
    static func member(_ name: String) -> String {
        let field = self.field(name)
        return ["self", "init"].contains(field) ? "`\(field)`" : field
    }

    private static func camel(_ name: Substring) -> String {
        name.split(separator: "_", omittingEmptySubsequences: false).map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func lower(_ name: Substring) -> String {
        var result = ""
        var wasUpper = true  // no underscore at the beginning
        for character in name {
            if character.isUppercase, !wasUpper { result.append("_") }
            result.append(character.lowercased())
            wasUpper = character.isUppercase
        }
        return result
    }

    private static let keywords: Set<String> = [
        "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "class", "compl", "const",
        "const_cast",
        "continue", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit", "extern", "false", "float", "for",
        "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "not", "not_eq", "operator", "or", "or_eq",
        "private",
        "protected", "public", "register", "reinterpret_cast", "return", "short", "signed", "sizeof", "static", "static_cast", "struct",
        "switch", "template", "this", "throw", "true", "try", "typedef", "typeid", "typename", "union", "unsigned", "using", "virtual",
        "void",
        "volatile", "wchar_t", "while", "xor", "xor_eq",
    ]
}
