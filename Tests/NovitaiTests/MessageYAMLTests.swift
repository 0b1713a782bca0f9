import NovitaiProto
import Testing

@testable import novitai

@Suite("Messages as YAML")
struct MessageYAMLTests {
    @Test("fields are blocks, lists have dashes, and nothing that is text could be taken for something else")
    func document() {
        var instance = NovitaiV1.Instance()
        instance.id = "i-1"
        instance.name = "yes"
        instance.revision = 7
        instance.stateMessage = "two\nlines: \u{85}"
        instance.labels = ["team": "a b", "a: b": "1.5"]
        var (first, second) = (NovitaiV1.Endpoint(), NovitaiV1.Endpoint())
        (first.port, first.address, second.port) = (8080, "https://a.example", 22)
        instance.endpoints = [first, second]
        #expect(
            Self.sorted(MessageYAML(instance).text)
                == Self.sorted(
                    """
                    ---
                    id: i-1
                    name: "yes"
                    revision: "7"
                    stateMessage: "two\\u000alines: \\u0085"
                    labels:
                      "a: b": "1.5"
                      team: "a b"
                    endpoints:
                    - port: 8080
                      address: "https://a.example"
                    - port: 22
                    """))
    }

    @Test(
        "numbers are numbers to readers of YAML 1.1 too, and what is none is text, as in JSON",
        arguments: [
            (0.00005, "5.0e-05"), (12.5, "12.5"), (.nan, "NaN"), (-.infinity, #""-Infinity""#),
        ] as [(Double, String)])
    func numbers(_ value: Double, _ text: String) {
        var sample = NovitaiV1.MetricPoint()
        sample.percent = value
        #expect(MessageYAML(sample).text == "---\npercent: \(text)")
    }

    @Test("a message of which nothing is set is an empty one")
    func empty() { #expect(MessageYAML(NovitaiV1.Instance()).text == "---\n{}") }

    /// Fields stand in the order of the message, which is not this test's matter.
    private static func sorted(_ text: String) -> [String] { text.split(separator: "\n").map(String.init).sorted() }
}
