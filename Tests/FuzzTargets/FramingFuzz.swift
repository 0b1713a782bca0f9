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
            reassembler.append(piece)
            do throws(RPCError) {
                while let message = try reassembler.next() { outcome.messages.append(Array(message.storage[message.range])) }
            } catch {
                outcome.refusal = error.code
            }
        }
        outcome.partialCount = reassembler.partialCount
        return outcome
    }
}
