import CBlockPool
import Glibc
import TestSupport
import Testing

@Suite("Blocks that are kept")
struct BlockPoolTests {
    /// A block of the pool by its address, so that another thread may free it.
    private struct Block: Sendable {
        let address: Int
        let size: Int

        init(size: Int) throws {
            unsafe self.address = Int(bitPattern: try #require(novitai_pool_malloc(size, nil)))
            self.size = size
        }

        init(zeros size: Int) throws {
            unsafe self.address = Int(bitPattern: try #require(novitai_pool_calloc(1, size, nil)))
            self.size = size
        }

        // The address is a living block's of `size` bytes: every test frees each once, as the last thing that it does with it.
        private var bytes: UnsafeMutableRawBufferPointer {
            unsafe UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: self.address), count: self.size)
        }

        func fill(_ byte: UInt8) { unsafe self.bytes.initializeMemory(as: UInt8.self, repeating: byte) }
        func isFilled(with byte: UInt8) -> Bool { unsafe self.bytes.allSatisfy { $0 == byte } }
        func free() { unsafe novitai_pool_free(self.bytes.baseAddress, nil) }
        /// A part of it, which moves when it grows. This one is no block any more.
        func resized(to size: Int) throws -> Block {
            Block(address: unsafe Int(bitPattern: try #require(novitai_pool_realloc(self.bytes.baseAddress, size, nil))), size: size)
        }
        private init(address: Int, size: Int) { (self.address, self.size) = (address, size) }

        func freeBySystem() { unsafe Glibc.free(self.bytes.baseAddress) }
    }

    @Test("a block has room for what was asked, whatever was freed before, and keeps what is written", arguments: [1, 2, 3] as [UInt64])
    func sizes(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var held: [(block: Block, mark: UInt8)] = []
        for _ in 0..<20_000 {
            if held.count > 200 || (!held.isEmpty && Bool.random(using: &random)) {
                let (block, mark) = held.remove(at: Int.random(in: 0..<held.count, using: &random))
                #expect(block.isFilled(with: mark))
                block.free()
            } else {
                let block = try Block(size: Int.random(in: 1...700, using: &random))
                let mark = UInt8.random(in: 0...255, using: &random)
                block.fill(mark)
                held.append((block, mark))
            }
        }
        for (block, _) in held { block.free() }
    }

    @Test("a block may be freed by free(3) and by another thread", arguments: [24, 40, 100, 512])
    func elsewhere(_ size: Int) async throws {
        try Block(size: size).freeBySystem()
        let block = try Block(size: size)
        await Task.detached { block.free() }.value
    }

    @Test("a block of zeros is of zeros, also where another was, and more of it than there can be is refused")
    func zeros() throws {
        let used = try Block(size: 100)
        used.fill(1)
        used.free()
        let block = try unsafe #require(novitai_pool_calloc(10, 10, nil))
        #expect(unsafe UnsafeRawBufferPointer(start: block, count: 100).allSatisfy { $0 == 0 })
        unsafe novitai_pool_free(block, nil)
        #expect(unsafe novitai_pool_calloc(.max, 2, nil) == nil)
    }

    /// What a session has its streams in.
    private static let tableSize = 4096
    /// As many as there are, and some.
    private static let tableCount = (1 << 16) + 100

    @Test("tables of zeros are of zeros each time, and each is another's, also when there are more than can be told apart")
    func tables() throws {
        for mark in 1...2 as ClosedRange<UInt8> {
            let tables = try (0..<Self.tableCount).map { _ in try Block(zeros: Self.tableSize) }
            #expect(Set(tables.map(\.address)).count == tables.count)
            for table in tables.prefix(100) + tables.suffix(200) {
                #expect(table.isFilled(with: 0))
                table.fill(mark)
            }
            for table in tables.prefix(100) + tables.suffix(200) { #expect(table.isFilled(with: mark)) }
            for table in tables { table.free() }
        }
    }

    @Test("a table that becomes larger or smaller keeps its beginning", arguments: [100, 4096, 10_000])
    func movedTable(size: Int) throws {
        let table = try Block(zeros: Self.tableSize)
        table.fill(7)
        let moved = try table.resized(to: size)
        let beginning = try moved.resized(to: min(size, Self.tableSize))
        #expect(beginning.isFilled(with: 7))
        beginning.free()
    }

    @Test("tables are given and taken by many threads at once")
    func threads() async throws {
        try await withThrowingTaskGroup { group in
            for mark in 1...8 as ClosedRange<UInt8> {
                group.addTask {
                    for _ in 0..<200 {
                        let tables = try (0..<10).map { _ in try Block(zeros: Self.tableSize) }
                        for table in tables {
                            #expect(table.isFilled(with: 0))
                            table.fill(mark)
                        }
                        for table in tables { #expect(table.isFilled(with: mark)) }
                        for table in tables { table.free() }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("a thread keeps what it has freed, no more than its limit for each size")
    func limit() throws {
        // No suspension: all of it is one thread's.
        for size in stride(from: 20, through: 600, by: 20) {
            let blocks = try (0..<3000).map { _ in try Block(size: size) }
            for block in blocks { block.free() }
        }
        let kept = novitai_pool_kept()
        #expect((100 << 10...1 << 20).contains(kept) || kept == 0, "nothing where a sanitizer looks at each block")
    }
}
