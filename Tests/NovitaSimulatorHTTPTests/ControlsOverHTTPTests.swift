import NovitaSimulatorHTTP
import Testing

@Suite("The controls over HTTP") struct ControlsOverHTTPTests {
    @Test("the log shows each call and what the caller saw")
    func requests() async throws {
        try await RunningSimulator.serve { simulator in
            _ = try await simulator.client.send(
                "GET", RunningSimulator.v1 + "/clusters", headers: ["X-Request-Id: r-17", "traceparent: 00-aa-bb-01"])
            try await simulator.arm(#"{"kind": "drop_after", "path": "/gpu/instance/create"}"#)
            _ = try await simulator.create()
            _ = try await simulator.get("/nowhere")
            let log = try #require(try await simulator.get("/_sim/requests?limit=3").json)
            #expect(log["total"] == 3)
            #expect(
                log["requests"]?.text
                    == #"[{"fault":null,"method":"GET","path":"/gpu-instance/openapi/v1/clusters","request_id":"r-17","sequence":1,"status":200,"#
                    + #""subject":"","time_ms":1767225600000,"traceparent":"00-aa-bb-01"},{"fault":"drop_after","method":"POST","#
                    + #""path":"/gpu-instance/openapi/v1/gpu/instance/create","request_id":"","sequence":2,"status":null,"subject":"job-1","#
                    + #""time_ms":1767225600000,"traceparent":""},{"fault":null,"method":"GET","path":"/nowhere","request_id":"","sequence":3,"status":404,"#
                    + #""subject":"","time_ms":1767225600000,"traceparent":""}]"#)
            guard case .array(let latest)? = try await simulator.get("/_sim/requests?limit=1").json?["requests"] else {
                return #expect(Bool(false), "no list")
            }
            #expect(latest.count == 1 && latest.first?["path"] == "/nowhere")
        }
    }

    @Test("spot: notice, reclaim at its time, and reclaim without notice")
    func spot() async throws {
        try await RunningSimulator.serve { simulator in
            let id = try await simulator.createdID()
            #expect(try await simulator.post("/_sim/spot/\(id)/reclaim").status == 400)
            try await simulator.advance(36)
            let notice = try await simulator.post("/_sim/spot/\(id)/notify", #"{"notice_seconds": 120}"#)
            #expect(notice.body == #"{"reclaim_time_ms":1767225756000}"#)
            var list = try await simulator.get(RunningSimulator.v1 + "/gpu/instances").body
            #expect(list.contains(#""spotStatus":"notified","spotReclaimTime":"1767225756""#))
            try await simulator.advance(140)
            list = try await simulator.get(RunningSimulator.v1 + "/gpu/instances").body
            #expect(list.contains(#""status":"exited""#))
            #expect(list.contains(#""spotStatus":"terminated","spotReclaimTime":"1767225756""#))
            _ = try await simulator.act("start", id)
            try await simulator.advance(13)
            #expect(try await simulator.post("/_sim/spot/\(id)/reclaim").status == 200)
            #expect(try await simulator.status(id) == "toStop")
        }
    }

    @Test("the largest page of a list can be changed while it runs")
    func pageCap() async throws {
        try await RunningSimulator.serve { simulator in
            for _ in 0..<3 { _ = try await simulator.createdID() }
            #expect(try await simulator.post("/_sim/lists", #"{"page_cap": 2}"#).status == 200)
            let page = try #require(try await simulator.get(RunningSimulator.v1 + "/gpu/instances?pageSize=100&pageNum=1").json)
            guard case .array(let machines)? = page["instances"] else { return #expect(Bool(false), "no list") }
            #expect(machines.count == 2)
            #expect(try await simulator.post("/_sim/lists", "{}").status == 400)
            #expect(try await simulator.post("/_sim/lists", #"{"page_cap": 0}"#).status == 400)
        }
    }

    @Test("an instance fails, sticks or vanishes")
    func failures() async throws {
        try await RunningSimulator.serve { simulator in
            let failed = try await simulator.createdID()
            let stuck = try await simulator.createdID()
            let vanished = try await simulator.createdID()
            try await simulator.advance(10)
            #expect(try await simulator.post("/_sim/instances/\(failed)/fail", #"{"message": "no such image"}"#).status == 200)
            #expect(try await simulator.post("/_sim/instances/\(stuck)/fail", #"{"silent": true}"#).status == 200)
            #expect(try await simulator.post("/_sim/instances/\(vanished)/vanish").status == 200)
            try await simulator.advance(1000)
            let error = try await simulator.instance(failed).json?["statusError"]
            #expect(error?["message"] == "no such image")
            #expect(try await simulator.status(stuck) == "pulling")
            #expect(try await simulator.instance(stuck).json?["statusError"]?["message"] == "")
            #expect(try await simulator.instance(vanished).status == 400)
        }
    }

    @Test("stock and prices are set and seen")
    func stock() async throws {
        try await RunningSimulator.serve { simulator in
            #expect(
                try await simulator.post("/_sim/stock", #"{"product_id": "4090.16c62g", "spot": true, "free": 0}"#).body
                    == #"{"changed":3}"#)
            let refused = try #require(try await simulator.create())
            #expect(refused.status == 400 && refused.json?["reason"] == "INSUFFICIENT_RESOURCE")
            #expect(
                try await simulator.get("/_sim/stock").body.contains(
                    #"{"cluster_id":"us-ca-6","product_id":"4090.16c62g","spot":true,"free":0}"#))
            #expect(try await simulator.post("/_sim/prices", #"{"product_id": "4090.16c62g", "price": 40000}"#).status == 200)
            #expect(try await simulator.get(RunningSimulator.v1 + "/products").body.contains(#""price":"40000""#))
        }
    }

    @Test("the clock skips, and its speed can be set")
    func clock() async throws {
        try await RunningSimulator.serve { simulator in
            try await simulator.advance(1.5)
            #expect(try await simulator.get("/_sim/clock").body == #"{"now_ms":1767225601500,"speed":0.0}"#)
            #expect(try await simulator.post("/_sim/clock", #"{"speed": 250}"#).json?["speed"] == 250)
        }
    }

    @Test("reset begins anew: the same ids come again, another seed brings others")
    func reset() async throws {
        try await RunningSimulator.serve { simulator in
            try await simulator.arm(#"{"kind": "drop_before", "path": "/clusters", "times": 9}"#)
            let first = try await simulator.createdID()
            #expect(try await simulator.post("/_sim/reset").status == 200)
            #expect(try await simulator.machines().isEmpty)
            #expect(try await simulator.get("/_sim/faults").json?["faults"] == [])
            #expect(try await simulator.get("/_sim/requests").json?["total"] == 0)
            #expect(try await simulator.createdID() == first)
            _ = try await simulator.post("/_sim/reset", #"{"seed": 99}"#)
            #expect(try await simulator.createdID() != first)
        }
    }

    @Test(
        "a wrong control is refused, and the field named",
        arguments: [
            ("/_sim/clock", #"{"advance_seconds": -1}"#, "advance_seconds"), ("/_sim/clock", #"{"speed": "fast"}"#, "speed"),
            ("/_sim/clock", #"{"sped": 1}"#, "sped"), ("/_sim/stock", #"{}"#, "free"), ("/_sim/stock", #"{"free": -1}"#, "free"),
            ("/_sim/stock", #"{"free": 1, "product_id": "nothing"}"#, "product_id"), ("/_sim/prices", #"{"price": 1.5}"#, "price"),
            ("/_sim/reset", #"{"seed": -1}"#, "seed"), ("/_sim/spot/x/notify", #"{"notice_seconds": "soon"}"#, "notice_seconds"),
            ("/_sim/spot/x/reclaim", #"{"now": true}"#, "now"), ("/_sim/instances/x/fail", #"{"message": 5}"#, "message"),
        ])
    func wrongControls(path: String, body: String, field: String) async throws {
        try await RunningSimulator.serve { simulator in
            let response = try await simulator.post(path, body)
            #expect(response.status == 400)
            #expect(response.json?["message"]?.text.hasPrefix("\"invalid \(field): ") == true, "\(response.body)")
        }
    }

    @Test("an unknown instance is not found", arguments: ["spot/x/notify", "spot/x/reclaim", "instances/x/fail", "instances/x/vanish"])
    func unknownInstances(path: String) async throws {
        try await RunningSimulator.serve { simulator in
            let response = try await simulator.post("/_sim/\(path)")
            #expect(response.json?["reason"] == "RESOURCE_NOT_FOUND")
        }
    }
}
