/// Which questions a sweep asks when it has more than it may ask. What concerns machines too many or missing goes first; the
/// changed ones take turns, so that some that stay different from sweep to sweep do not keep the others waiting for ever.
package struct QuestionRotation: Sendable {
    private var lastChanged: ReconciliationQuestion?

    package init() {}

    /// - Parameter questions: in their order, as `Reconciliation.questions` answers them.
    package mutating func take(_ questions: [ReconciliationQuestion], atMost limit: Int) -> [ReconciliationQuestion] {
        let first = questions.filter { $0.kind != .changed }.prefix(limit)
        let changed = questions.filter { $0.kind == .changed }
        let start = changed.firstIndex { self.isAfterLast($0) } ?? 0
        let turn = (changed[start...] + changed[..<start]).prefix(limit - first.count)
        self.lastChanged = turn.last ?? self.lastChanged
        return Array(first + turn)
    }

    private func isAfterLast(_ question: ReconciliationQuestion) -> Bool {
        guard let last = self.lastChanged else { return true }
        return (last.instanceID, last.upstreamID) < (question.instanceID, question.upstreamID)
    }
}
