internal import Fleet

/// Cuts what a watcher is sent into responses that fit a message.
enum WatchChunks {
    /// Instances of one response.
    static let countMax = 64

    /// Ranges of `items` that go together.
    static func ranges<Item>(of items: [Item], bytes: (Item) -> Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        var total = 0
        for index in items.indices {
            let size = bytes(items[index])
            if index > start, index - start == self.countMax || total + size > PageRequest.bytesMax {
                ranges.append(start..<index)
                start = index
                total = 0
            }
            total += size
        }
        if start < items.count { ranges.append(start..<items.count) }
        return ranges
    }
}
