/// Swift or C source being written, with its indentation.
struct SourceText {
    private var lines: [String] = []
    private var depth = 0

    var text: String { self.lines.joined(separator: "\n") + "\n" }

    mutating func line(_ line: String = "") {
        self.lines.append(line.isEmpty ? "" : String(repeating: "    ", count: self.depth) + line)
    }

    /// `header {`, what `body` writes, and `}`; `header {}` when it writes nothing. A closure's `parameters` stand before its `in`.
    mutating func block(_ header: String, parameters: String? = nil, _ body: (inout SourceText) -> Void) {
        let start = self.lines.count
        self.line(header + " {" + (parameters.map { " \($0) in" } ?? ""))
        self.depth += 1
        body(&self)
        self.depth -= 1
        if self.lines.count == start + 1 {
            self.lines[start] += "}"
        } else {
            self.line("}")
        }
    }

    /// Documentation for what follows.
    mutating func document(_ comment: Comment) {
        for line in comment.lines { self.line(line.isEmpty ? "///" : "/// \(line)") }
    }
}
