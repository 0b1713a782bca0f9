/// Columns for people: as wide as their widest cell, two spaces apart.
struct Table {
    private let header: [String]
    private var rows: [[String]] = []

    init(_ header: String...) {
        self.header = header
    }

    mutating func add(_ cells: String...) {
        self.rows.append(cells)
    }

    var text: String {
        let lines = [self.header] + self.rows
        let widths = self.header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let padded = zip(line, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
            return padded.joined(separator: "  ").trimmedEnd
        }.joined(separator: "\n")
    }
}

extension String {
    fileprivate var trimmedEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
