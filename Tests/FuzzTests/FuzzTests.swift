import FuzzTargets
import TestSupport
import Testing

/// The short form of scripts/fuzz, without libFuzzer: what is in the repository, and seeded mutations of it. A fault is a trap.
@Suite("Bytes of strangers")
struct FuzzTests {
    @Test("the corpus, and what once broke something, is borne", arguments: FuzzTarget.allCases)
    func corpus(_ target: FuzzTarget) throws {
        let inputs = try Corpus.inputs(of: target)
        #expect(inputs.count >= 5)
        for input in inputs { target.run(input) }
    }

    @Test("mutations of the corpus are borne", arguments: FuzzTarget.allCases)
    func mutations(_ target: FuzzTarget) throws {
        let inputs = try Corpus.inputs(of: target)
        var mutator = Mutator(seed: 20_261_126, corpus: inputs)
        for _ in 0..<1500 { target.run(mutator.next()) }
    }
}
