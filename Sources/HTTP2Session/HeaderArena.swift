internal import Glibc

/// A header block as it was received: a view of its session's arena.
package struct HeaderBlock: Sendable {
    /// Indices of the fields in the arena.
    let fields: Range<Int>
    /// Whether fields were left out because the block is beyond the limit that we announced.
    package let isTruncated: Bool
}

/// A header block that outlives the arena's.
package struct SavedBlock: Sendable {
    let bytes: [UInt8]
    let ends: [Int]
}

/// The header blocks received since the events were last dropped, in one piece of memory: a call's headers cost no allocation.
///
// The one owner of its memory: allocated here, freed in `deinit`, lent only to closures.
@safe final class HeaderArena {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var byteCount = 0
    /// Where each field's name and value end, by turns.
    private var ends: [Int] = []

    /// Bytes that it begins with when it is needed: an idle connection has none.
    private static let sizeMin = 1024
    /// Bytes that are kept for the next blocks. A peer may make an arena large once; that it stays so would be a gift.
    private static let keptMax = 16 << 10

    init() {
        unsafe self.base = UnsafeMutablePointer<UInt8>.allocate(capacity: 0)
        self.capacity = 0
    }

    deinit { unsafe self.base.deallocate() }

    var fieldCount: Int { self.ends.count / 2 }

    func removeAll() {
        self.byteCount = 0
        self.ends.removeAll(keepingCapacity: self.capacity <= Self.keptMax)
        if self.capacity > Self.keptMax { self.move(to: 0) }
    }

    /// Forgets the fields before `first`, which becomes the field 0.
    func removeFields(before first: Int) {
        guard first > 0 else { return }
        let start = self.ends[2 * first - 1]
        // `update` bears that the ranges overlap, and both lie within the bytes written.
        unsafe self.base.update(from: self.base + start, count: self.byteCount - start)
        self.byteCount -= start
        self.ends.removeFirst(2 * first)
        for index in self.ends.indices { self.ends[index] -= start }
    }

    /// The memory must be readable for the lengths given.
    func append(name: UnsafePointer<UInt8>, _ nameLength: Int, value: UnsafePointer<UInt8>, _ valueLength: Int) {
        self.reserve(nameLength + valueLength)
        unsafe (self.base + self.byteCount).update(from: name, count: nameLength)
        unsafe (self.base + self.byteCount + nameLength).update(from: value, count: valueLength)
        self.byteCount += nameLength
        self.ends.append(self.byteCount)
        self.byteCount += valueLength
        self.ends.append(self.byteCount)
    }

    func forEachField(in range: Range<Int>, _ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Void) {
        var start = range.lowerBound == 0 ? 0 : self.ends[2 * range.lowerBound - 1]
        for field in range {
            let nameEnd = self.ends[2 * field]
            let valueEnd = self.ends[2 * field + 1]
            // Both lie within the bytes written, and nothing is appended while `body` runs.
            let name = unsafe UnsafeBufferPointer(start: self.base + start, count: nameEnd - start)
            let value = unsafe UnsafeBufferPointer(start: self.base + nameEnd, count: valueEnd - nameEnd)
            body(unsafe name.span, unsafe value.span)
            start = valueEnd
        }
    }

    func copy(of range: Range<Int>) -> SavedBlock {
        let bytes = self.bytes(of: range)
        let text = unsafe Array(UnsafeBufferPointer(start: self.base + bytes.lowerBound, count: bytes.count))
        return SavedBlock(bytes: text, ends: self.relativeEnds(of: range))
    }

    func isEqual(_ range: Range<Int>, to saved: SavedBlock) -> Bool {
        let bytes = self.bytes(of: range)
        guard bytes.count == saved.bytes.count, 2 * range.count == saved.ends.count else { return false }
        let isSameText = unsafe saved.bytes.withUnsafeBytes { saved in
            guard let start = saved.baseAddress else { return true }
            return unsafe memcmp(start, self.base + bytes.lowerBound, saved.count) == 0
        }
        guard isSameText else { return false }
        for index in 0..<saved.ends.count where self.ends[2 * range.lowerBound + index] - bytes.lowerBound != saved.ends[index] {
            return false
        }
        return true
    }

    private func bytes(of range: Range<Int>) -> Range<Int> {
        let start = range.lowerBound == 0 ? 0 : self.ends[2 * range.lowerBound - 1]
        return start..<(range.isEmpty ? start : self.ends[2 * range.upperBound - 1])
    }

    private func relativeEnds(of range: Range<Int>) -> [Int] {
        let start = self.bytes(of: range).lowerBound
        return (2 * range.lowerBound..<2 * range.upperBound).map { self.ends[$0] - start }
    }

    private func reserve(_ more: Int) {
        guard self.byteCount + more > self.capacity else { return }
        self.move(to: max(2 * self.capacity, self.byteCount + more, Self.sizeMin))
    }

    /// - Parameter capacity: at least `byteCount`.
    private func move(to capacity: Int) {
        let other = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        unsafe other.update(from: self.base, count: self.byteCount)
        unsafe self.base.deallocate()
        unsafe self.base = other
        self.capacity = capacity
    }
}
