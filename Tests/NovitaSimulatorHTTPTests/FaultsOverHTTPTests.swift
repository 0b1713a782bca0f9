import NovitaSimulatorHTTP
import TestSupport
import Testing

@Suite("Faults over HTTP") struct FaultsOverHTTPTests {
    /// Arms a fault on create, creates once, and tells what came back and how many machines there are then.
    private static func strike(
        _ fields: String, then check: (RunningSimulator, RawResponse?, _ machines: Int) async throws -> Void
    ) async throws {
        try await RunningSimulator.serve { simulator in
            try await simulator.arm("{\"method\": \"POST\", \"path\": \"/gpu/instance/create\", \(fields)}")
            let response = try await simulator.create()
            try await check(simulator, response, try await simulator.machines().count)
        }
    }

    @Test("a dropped connection ends without a byte", arguments: [("drop_before", 0), ("drop_after", 1)])
    func drops(kind: String, made: Int) async throws {
        try await Self.strike("\"kind\": \"\(kind)\"") { simulator, response, machines in
            #expect(response == nil)
            #expect(machines == made)
            // The fault was for one call: the next is answered.
            let next = try await simulator.create()
            #expect(next?.status == 200)
        }
    }

    @Test("late: no byte, and done on the virtual clock")
    func late() async throws {
        try await Self.strike("\"kind\": \"late\", \"delay_ms\": 300000") { simulator, response, machines in
            #expect(response == nil && machines == 0)
            try await simulator.advance(299)
            #expect(try await simulator.machines().count == 0)
            try await simulator.advance(2)
            #expect(try await simulator.machines().count == 1)
        }
    }

    @Test("an error is answered in the API's words", arguments: [("status_before", 0), ("status_after", 1)])
    func errors(kind: String, made: Int) async throws {
        try await Self.strike("\"kind\": \"\(kind)\", \"status\": 500") { _, response, machines in
            #expect(response?.status == 500)
            #expect(response?.body == #"{"code":500,"reason":"UNKNOWN","message":"unknown error","metadata":{}}"#)
            #expect(machines == made)
        }
    }

    @Test("an error may be worded")
    func wordedError() async throws {
        let fields = #""kind": "status_after", "status": 400, "reason": "CONFLICT", "message": "invalid state change""#
        try await Self.strike(fields) { _, response, machines in
            #expect(response?.status == 400 && machines == 1)
            #expect(response?.json?["message"] == "invalid state change")
        }
    }

    @Test("the rate limit comes with and without Retry-After", arguments: [("", nil), (#", "retry_after": 7"#, "7")])
    func rateLimit(more: String, header: String?) async throws {
        try await Self.strike(#""kind": "rate_limit""# + more) { _, response, machines in
            #expect(response?.status == 429 && machines == 0)
            #expect(response?.headers["retry-after"] == header)
            #expect(response?.json?["reason"] == "RATE_LIMIT_EXCEEDED")
        }
    }

    @Test("html: a gateway's page", arguments: [("", 502), (#", "status": 504"#, 504)])
    func html(more: String, status: Int) async throws {
        try await Self.strike(#""kind": "html""# + more) { _, response, machines in
            #expect(response?.status == status && machines == 0)
            #expect(response?.headers["content-type"] == "text/html")
            #expect(response?.body.hasPrefix("<html>") == true && response?.json == nil)
        }
    }

    @Test("delay: the answer comes, and not before its time")
    func delay() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        try await Self.strike(#""kind": "delay", "delay_ms": 150"#) { _, response, machines in
            #expect(response?.status == 200 && machines == 1)
            #expect(clock.now - start >= .milliseconds(150))
        }
    }

    @Test("a server that goes down does not wait for a long delay: the connection is cut")
    func shutdownDuringDelay() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        try await withThrowingTaskGroup { tasks in
            try await RunningSimulator.serve { simulator in
                try await simulator.arm(#"{"kind": "delay", "path": "/gpu/instance/create", "delay_ms": 600000}"#)
                tasks.addTask { try await simulator.create()?.status == nil }
                try await eventually("the machine is made") { try await !simulator.machines().isEmpty }
            }
            #expect(try await tasks.next() == true)
        }
        #expect(clock.now - start < .seconds(300), "half of the delay")
    }

    @Test("a stale list shows the past, a short page less than there is")
    func lists() async throws {
        try await RunningSimulator.serve { simulator in
            let id = try await simulator.createdID()
            try await simulator.advance(100)
            _ = try await simulator.createdID()
            _ = try await simulator.act("stop", id)
            try await simulator.arm(#"{"kind": "stale_list", "delay_ms": 50000}"#)
            let stale = try await simulator.get(RunningSimulator.v1 + "/gpu/instances").json
            #expect(stale?["total"] == 1)
            #expect(stale?["instances"]?.text.contains(#""status":"running""#) == true)
            try await simulator.arm(#"{"kind": "short_page"}"#)
            let short = try await simulator.get(RunningSimulator.v1 + "/gpu/instances").json
            guard case .array(let shown)? = short?["instances"] else { return #expect(Bool(false), "no list") }
            #expect(short?["total"] == 2 && shown.count == 1)
        }
    }

    @Test(
        "a wrong fault is refused, and the field named",
        arguments: [
            (#"{}"#, "kind"), (#"{"kind": "explode"}"#, "kind"), (#"{"kind": "delay"}"#, "delay_ms"), (#"{"kind": "late"}"#, "delay_ms"),
            (#"{"kind": "delay", "delay_ms": -1}"#, "delay_ms"), (#"{"kind": "delay", "delay_ms": 86400001}"#, "delay_ms"),
            (#"{"kind": "stale_list", "delay_ms": 3600001}"#, "delay_ms"), (#"{"kind": "status_before"}"#, "status"),
            (#"{"kind": "status_before", "status": 200}"#, "status"), (#"{"kind": "drop_before", "status": 500}"#, "status"),
            (#"{"kind": "drop_before", "reason": "X"}"#, "reason"), (#"{"kind": "delay", "delay_ms": 1, "retry_after": 1}"#, "retry_after"),
            (#"{"kind": "rate_limit", "retry_after": "soon"}"#, "retry_after"), (#"{"kind": "drop_before", "times": 0}"#, "times"),
            (#"{"kind": "drop_before", "probability": 1.5}"#, "probability"), (#"{"kind": "drop_before", "method": "PATCH"}"#, "method"),
            (#"{"kind": "drop_before", "path": "/gpu/instance/creat"}"#, "path"), (#"{"kind": "short_page", "path": "/clusters"}"#, "path"),
            (#"{"kind": "drop_before", "time": 3}"#, "time"), (#"[]"#, "body"), (#"{"kind": "#, "body"),
        ])
    func wrongFaults(body: String, field: String) async throws {
        try await RunningSimulator.serve { simulator in
            let response = try await simulator.post("/_sim/faults", body)
            #expect(response.status == 400)
            #expect(response.json?["message"]?.text.hasPrefix("\"invalid \(field): ") == true, "\(response.body)")
            #expect(try await simulator.get("/_sim/faults").json?["faults"] == [])
        }
    }

    @Test("armed faults are shown with what is left of them, and can be cleared")
    func bookkeeping() async throws {
        try await RunningSimulator.serve { simulator in
            try await simulator.arm(#"{"kind": "status_before", "status": 503, "times": 2, "path": "/clusters", "method": "GET"}"#)
            try await simulator.arm(#"{"kind": "drop_before", "probability": 0.5}"#)
            #expect(try await simulator.get(RunningSimulator.v1 + "/clusters").status == 503)
            let faults = try await simulator.get("/_sim/faults").body
            #expect(
                faults
                    == #"{"faults":[{"id":1,"kind":"status_before","method":"GET","path":"/clusters","remaining":1,"probability":1.0,"strikes":1},"#
                    + #"{"id":2,"kind":"drop_before","method":"*","path":"*","remaining":null,"probability":0.5,"strikes":0}]}"#)
            #expect(try await simulator.client.send("DELETE", "/_sim/faults")?.status == 200)
            #expect(try await simulator.get(RunningSimulator.v1 + "/clusters").status == 200)
        }
    }
}
