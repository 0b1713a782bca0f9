/// Lets the options that every command has stand before the noun as well as behind the verb: `novitai --target … instances list`.
enum ArgumentOrder {
    /// The arguments with the options that lead them moved behind noun and verb, where the parser looks for them. Those that stand behind the
    /// verb already come later, and so count when an option is given twice.
    static func moved(_ arguments: [String]) -> [String] {
        var leading: [String] = []
        var rest = arguments[...]
        while let option = self.takeOption(from: &rest) { leading += option }
        // `instances list`, or a command of one word, as `backup`.
        let commands = rest.prefix(2).prefix { !$0.hasPrefix("-") }
        // Something else leads, or nothing follows: the parser says what is wrong.
        guard !leading.isEmpty, !commands.isEmpty else { return arguments }
        return commands + leading + rest.dropFirst(commands.count)
    }

    private static func takeOption(from rest: inout ArraySlice<String>) -> [String]? {
        guard let first = rest.first, let name = first.split(separator: "=", maxSplits: 1).first,
            ConnectionOptions.names.contains(String(name))
        else { return nil }
        let count = first.contains("=") ? 1 : 2
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
