import RPCCore

/// Messages are the same wherever the bytes of a stream are cut.
enum FramingFuzz {
    private static let limit = 4096

    private struct Outcome: Equatable {
        var messages: [[UInt8]] = []
        var refusal: RPCError.Code?
        var partialCount = 0
    }

    static func run(_ bytes: [UInt8]) {
        guard let selector = bytes.first else { return }
        let whole = self.outcome(Pieces(bytes.dropFirst(), selector: 0))
        let cut = self.outcome(Pieces(bytes.dropFirst(), selector: Swift.max(1, selector)))
        precondition(whole.messages == cut.messages && whole.refusal == cut.refusal, "cutting changes the messages")
        precondition(whole.refusal != nil || whole.partialCount == cut.partialCount)
        precondition(whole.messages.allSatisfy { $0.count <= self.limit })
    }

    private static func outcome(_ pieces: Pieces) -> Outcome {
        var reassembler = MessageReassembler(limit: self.limit)
        var outcome = Outcome()
        for piece in pieces where outcome.refusal == nil {
            var offset = 0
            do throws(RPCError) {
                while var batch = try reassembler.next(atMost: .max, from: piece.span, at: &offset) {
                    while let message = batch.popFirst() { outcome.messages.append(Array(message.storage[message.range])) }
                }
                precondition(offset == piece.count, "all bytes are taken")
            } catch {
                outcome.refusal = error.code
            }
        }
        outcome.partialCount = reassembler.partialCount
        return outcome
    }
}
