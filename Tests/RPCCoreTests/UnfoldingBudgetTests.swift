import Testing

@testable import RPCCore

@Suite("What unfolding may cost")
struct UnfoldingBudgetTests {
    private let start = ContinuousClock.now

    /// A coding in which a byte stands for as many zeros as it says, times 1024.
    private static let zeros = MessageCodec(
        name: "zeros", compress: { (_, _) throws(RPCError) in [] },
        decompress: { (message, limit) throws(RPCError) in
            let count = unsafe Int(message.unsafeLoad(as: UInt8.self)) * 1024
            guard count <= limit else { throw RPCError(code: .resourceExhausted, message: "the message unfolds to more than its limit") }
            return [UInt8](repeating: 0, count: count)
        })

    private func decode(_ kilobytes: UInt8, _ decoder: MessageDecoder, after seconds: Int = 0) -> Result<Int, RPCError> {
        let bytes = [kilobytes]
        return Result { () throws(RPCError) in try unsafe decoder.decode(bytes.span.bytes, at: self.start + .seconds(seconds)).count }
    }

    @Test("messages that unfold to far more than their bytes share a budget, which fills again; others cost nothing")
    func budget() throws {
        let budget = UnfoldingBudget(burst: 100 * 1024, perSecond: 10 * 1024, at: self.start)
        let decoder = MessageDecoder(Self.zeros, limit: 1 << 20, budget: budget)
        #expect(self.decode(200, decoder) == .success(200 * 1024), "into debt, by one message")
        for _ in 0..<10 { #expect(self.decode(64, decoder) == .success(64 * 1024), "no more than a call costs") }
        guard case .failure(let error) = self.decode(65, decoder) else { throw RPCError(code: .internal, message: "let through") }
        #expect(error.code == .resourceExhausted && error.message.contains("20 times"))
        #expect(self.decode(65, decoder, after: 3).isFailure)
        #expect(self.decode(65, decoder, after: 4) == .success(65 * 1024))
    }

    @Test("without a budget only the limit counts, and whatever has the budget has it too")
    func limit() {
        #expect(self.decode(255, MessageDecoder(Self.zeros, limit: 1 << 20)) == .success(255 * 1024))
        let budget = UnfoldingBudget(burst: 1 << 20, perSecond: 1, at: self.start)
        for limit in [1024, 100 * 1024] { #expect(self.decode(101, MessageDecoder(Self.zeros, limit: limit, budget: budget)).isFailure) }
    }
}

extension Result {
    fileprivate var isFailure: Bool {
        if case .failure = self { true } else { false }
    }
}
