import NovitaiProto
import ProtobufWire
import RPCCore
import TestProto
import Testing

/// Every generated type against google.protobuf in Python: what one side encodes, the other decodes to the same values.
@Suite("Generated messages and google.protobuf agree")
struct DifferentialTests {
    static let types: [String: any ProtobufMessage.Type] = Dictionary(
        uniqueKeysWithValues: (NovitaiProto.messageTypes + TestProto.messageTypes).map { ($0.protobufName, $0) })
    static let descriptorSets = [NovitaiProto.descriptorSet, TestProto.descriptorSet]

    @Test("random messages of every type, both ways", arguments: [20_260_801, UInt32.random(in: 0...UInt32.max)])
    func randomMessages(seed: UInt32) async throws {
        let generated = try await PythonPeer.run(["generate", "\(seed)", "12"], Self.descriptorSets)
        var pairs: [[UInt8]] = []
        var seen: Set<String> = []
        for index in stride(from: 0, to: generated.count, by: 3) {
            let (name, encoded) = (text(generated[index]), generated[index + 1])
            let type = try #require(Self.types[name], "no Swift type for \(name)")
            let message = try type.init(decoding: encoded)
            #expect(describe(message) == text(generated[index + 2]), "seed \(seed), \(name), encoded \(hex(encoded))")
            pairs += [generated[index], encoded, try message.encoded()]
            seen.insert(name)
        }
        #expect(seen == Set(Self.types.keys), "the descriptor sets and the Swift types are of the same messages")
        let differences = try await PythonPeer.run(["compare"], [Array("\(Self.descriptorSets.count)".utf8)] + Self.descriptorSets + pairs)
        #expect(differences.map(text) == [], "seed \(seed)")
    }

    @Test("a message cut off anywhere is refused, or accepted with the same fields")
    func truncated() async throws {
        let encoded = try EveryFieldSamples.full.encoded()
        let name = NovitaiTestV1.EveryField.protobufName
        let verdicts = try await PythonPeer.run(["truncate"], [TestProto.descriptorSet, Array(name.utf8), encoded])
        try #require(verdicts.count == encoded.count)
        for (length, verdict) in verdicts.enumerated() {
            let ours = (try? NovitaiTestV1.EveryField(decoding: Array(encoded[..<length]))).map { describe($0) } ?? "refused"
            #expect(ours == text(verdict), "cut to \(length) of \(encoded.count) bytes")
        }
        #expect(verdicts.contains { text($0) == "refused" } && verdicts.contains { text($0) != "refused" })
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
