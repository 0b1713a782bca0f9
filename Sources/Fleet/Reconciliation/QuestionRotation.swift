/// Which questions a sweep asks when it has more than it may ask. Every kind has a share, so that many of one, as deletes that the provider
/// does not take, keep no other from being looked into; what a kind leaves over goes to the more pressing ones first. Within a kind they
/// take turns.
package struct QuestionRotation: Sendable {
    /// The last that was asked of each kind.
    private var last: [ReconciliationQuestion.Kind: ReconciliationQuestion] = [:]

    package init() {}

    /// - Parameter questions: in their order, as `Reconciliation.questions` answers them.
    package mutating func take(_ questions: [ReconciliationQuestion], atMost limit: Int) -> [ReconciliationQuestion] {
        let groups = Dictionary(grouping: questions, by: \.kind).sorted { $0.key < $1.key }.map(\.value)
        var shares = Self.shares(of: groups.map(\.count), limit: limit)[...]
        return groups.flatMap { group in self.turn(of: group, shares.popFirst() ?? 0) }
    }

    private static func shares(of counts: [Int], limit: Int) -> [Int] {
        let share = max(1, limit / max(1, counts.count))
        var room = limit
        var shares: [Int] = []
        for count in counts {
            shares.append(min(count, share, room))
            room -= shares.last ?? 0
        }
        for (index, count) in counts.enumerated() {
            let more = min(count - shares[index], room)
            shares[index] += more
            room -= more
        }
        return shares
    }

    private mutating func turn(of group: [ReconciliationQuestion], _ count: Int) -> ArraySlice<ReconciliationQuestion> {
        guard let kind = group.first?.kind else { return [] }
        let last = self.last[kind]
        let start = group.firstIndex { question in
            last.map { ($0.instanceID, $0.upstreamID) < (question.instanceID, question.upstreamID) } ?? true
        }
        let turn = (group[(start ?? 0)...] + group[..<(start ?? 0)]).prefix(count)
        if let asked = turn.last { self.last[kind] = asked }
        return turn
    }
}
