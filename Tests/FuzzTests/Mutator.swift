import TestSupport

/// Inputs near those of a corpus, the same ones for the same seed.
struct Mutator {
    private var random: SplitMix64
    private let corpus: [[UInt8]]

    /// Bytes at which lengths, flags and varints turn over.
    private static let edges: [UInt8] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF]
    private static let stepsMax = 6

    /// - Precondition: the corpus has an input.
    init(seed: UInt64, corpus: [[UInt8]]) {
        self.random = SplitMix64(seed: seed)
        self.corpus = corpus
    }

    mutating func next() -> [UInt8] {
        var bytes = self.corpus[self.below(self.corpus.count)]
        for _ in 0...self.below(Self.stepsMax) { self.step(&bytes) }
        return bytes
    }

    private mutating func step(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return bytes = [UInt8(self.below(256))] }
        let place = self.below(bytes.count)
        switch self.below(7) {
        case 0: bytes[place] ^= 1 << UInt8(self.below(8))
        case 1: bytes[place] = Self.edges[self.below(Self.edges.count)]
        case 2: bytes.insert(UInt8(self.below(256)), at: place)
        case 3: bytes.removeSubrange(place..<min(bytes.count, place + 1 + self.below(16)))
        case 4: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 1 + self.below(64))], at: place)
        case 5: bytes.removeLast(bytes.count - place)
        default:
            let other = self.corpus[self.below(self.corpus.count)]
            bytes.replaceSubrange(place..., with: other.dropFirst(self.below(other.count + 1)))
        }
    }

    private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self.random) }
}
