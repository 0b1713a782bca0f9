import RPCCore
import RPCServiceConfig
import Testing

@Suite("Service configs as JSON")
struct ServiceConfigTests {
    static let full = """
        {
          "loadBalancingConfig": [{"pick_first": {}}],
          "methodConfig": [
            {"name": [{}], "timeout": "30s", "somethingNew": 1},
            {
              "name": [{"service": "a.B"}, {"service": "a.C", "method": "D"}],
              "waitForReady": true, "timeout": "1.5s", "maxRequestMessageBytes": "1024", "maxResponseMessageBytes": 2048,
              "retryPolicy": {
                "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", 8, "aborted"]
              }
            }
          ],
          "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}
        }
        """

    private static func method(_ service: String, _ method: String) -> MethodDescriptor {
        MethodDescriptor(service: service, method: method, kind: .unary)
    }

    @Test("every field is read")
    func fields() throws {
        let config = try ServiceConfig(json: Self.full)
        let method = config.config(of: Self.method("a.B", "Any"))
        #expect(method.waitsForReady == true)
        #expect(method.timeout == .milliseconds(1500))
        #expect(method.requestSizeMax == 1024)
        #expect(method.responseSizeMax == 2048)
        let backoff = Backoff(initial: .milliseconds(100), multiplier: 2, maximum: .seconds(2))
        #expect(
            method.retryPolicy
                == RetryPolicy(attemptsMax: 4, backoff: backoff, retryableCodes: [.unavailable, .resourceExhausted, .aborted]))
        #expect(config.retryThrottle == RetryThrottle(tokensMax: 10, tokenRatio: 0.1))
    }

    @Test("the name of the method counts before that of the service, and that before none")
    func scopes() throws {
        let config = try ServiceConfig(json: Self.full)
        #expect(config.config(of: Self.method("a.C", "D")).waitsForReady == true)
        #expect(config.config(of: Self.method("a.C", "E")).waitsForReady == nil)
        #expect(config.config(of: Self.method("a.C", "E")).timeout == .seconds(30))
        #expect(ServiceConfig().config(of: Self.method("a.C", "D")) == MethodConfig())
    }

    @Test("what is absent or null says nothing", arguments: ["{}", "{\"methodConfig\": null}", "{\"methodConfig\": [{\"name\": []}]}"])
    func empty(_ text: String) throws {
        #expect(try ServiceConfig(json: text).config(of: Self.method("a", "b")) == MethodConfig())
    }

    private static func policy(_ change: String) -> String {
        let fields = [
            "maxAttempts": "3", "initialBackoff": "\"1s\"", "maxBackoff": "\"1s\"", "backoffMultiplier": "1",
            "retryableStatusCodes": "[14]",
        ]
        let parts = change.split(separator: ":", maxSplits: 1).map(String.init)
        let policy = fields.merging([parts[0]: parts[1]]) { $1 }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ",")
        return "{\"methodConfig\": [{\"retryPolicy\": {\(policy)}}]}"
    }

    @Test(
        "a wrong field is named",
        arguments: [
            ("[]", "must be an object"), ("{", "is not JSON: no key at byte 1"),
            ("{\"methodConfig\": {}}", "methodConfig must be a list"), ("{\"methodConfig\": [1]}", "methodConfig[0] must be an object"),
            ("{\"methodConfig\": [{\"name\": [{\"method\": \"m\"}]}]}", "methodConfig[0].name[0] names a method without a service"),
            ("{\"methodConfig\": [{\"name\": [{}]}, {\"name\": [{}]}]}", "methodConfig[1].name[0] is given twice"),
            (
                "{\"methodConfig\": [{\"timeout\": \"1\"}]}", "methodConfig[0].timeout must be seconds with an s behind them, as 1.5s"
            ),
            ("{\"methodConfig\": [{\"timeout\": 1}]}", "methodConfig[0].timeout must be a string"),
            ("{\"methodConfig\": [{\"timeout\": \"-1s\"}]}", "methodConfig[0].timeout must be seconds with an s behind them, as 1.5s"),
            ("{\"methodConfig\": [{\"waitForReady\": 1}]}", "methodConfig[0].waitForReady must be true or false"),
            (
                "{\"methodConfig\": [{\"maxRequestMessageBytes\": -1}]}",
                "methodConfig[0].maxRequestMessageBytes must be a number of bytes"
            ),
            (
                "{\"methodConfig\": [{\"retryPolicy\": {}, \"hedgingPolicy\": {}}]}",
                "methodConfig[0] has both a retryPolicy and a hedgingPolicy"
            ),
            (Self.policy("maxAttempts:1"), "methodConfig[0].retryPolicy.maxAttempts must be an integer from 2 to 1000"),
            (Self.policy("maxAttempts:2.5"), "methodConfig[0].retryPolicy.maxAttempts must be an integer from 2 to 1000"),
            (Self.policy("initialBackoff:\"0s\""), "methodConfig[0].retryPolicy.initialBackoff must be a duration above 0s"),
            (Self.policy("maxBackoff:null"), "methodConfig[0].retryPolicy.maxBackoff must be a duration above 0s"),
            (Self.policy("backoffMultiplier:0"), "methodConfig[0].retryPolicy.backoffMultiplier must be above 0"),
            (Self.policy("retryableStatusCodes:[]"), "methodConfig[0].retryPolicy.retryableStatusCodes must have an entry"),
            (
                Self.policy("retryableStatusCodes:[\"OK\"]"),
                "methodConfig[0].retryPolicy.retryableStatusCodes[0] must be the name or the number of a status that is no success"
            ),
            ("{\"retryThrottling\": {\"maxTokens\": 1001}}", "retryThrottling.maxTokens must be an integer from 1 to 1000"),
            (
                "{\"retryThrottling\": {\"maxTokens\": 1, \"tokenRatio\": 0}}", "retryThrottling.tokenRatio must be above 0"
            ),
        ])
    func wrong(_ text: String, _ error: String) {
        let found = #expect(throws: ServiceConfigError.self) { try ServiceConfig(json: text) }
        #expect(found?.description == error)
    }

    @Test("more attempts than five count as five")
    func attempts() throws {
        let config = try ServiceConfig(
            json: Self.policy("maxAttempts:100").replacing("\"retryPolicy\"", with: "\"name\": [{}], \"retryPolicy\""))
        #expect(config.config(of: Self.method("a", "b")).retryPolicy?.attemptsMax == 5)
    }
}
