import NovitaSimulator
import NovitaSimulatorHTTP
import Testing

@Suite("The API over HTTP") struct APIOverHTTPTests {
    @Test("one life of a machine: create, running, stop, start, delete; one machine on the bill, released")
    func life() async throws {
        try await RunningSimulator.serve { simulator in
            let id = try await simulator.createdID()
            #expect(id.count == 16)
            #expect(try await simulator.status(id) == "toCreate")
            try await simulator.advance(36)
            #expect(try await simulator.status(id) == "running")
            #expect(try await simulator.act("stop", id).body == #"{"instanceId":"\#(id)","state":"toStop"}"#)
            let again = try await simulator.act("stop", id)
            #expect(again.status == 400 && again.json?["message"] == "invalid state change")
            try await simulator.advance(10)
            #expect(try await simulator.status(id) == "exited")
            #expect(try await simulator.act("start", id).status == 200)
            try await simulator.advance(13)
            #expect(try await simulator.act("restart", id).status == 200)
            try await simulator.advance(9)
            #expect(try await simulator.status(id) == "running")
            #expect(try await simulator.act("delete", id).body == "{}")
            #expect(try await simulator.act("delete", id).json?["reason"] == "RESOURCE_NOT_FOUND")
            try await simulator.advance(100)
            let gone = try await simulator.instance(id)
            #expect(gone.status == 400 && gone.json?["message"] == "instance not found")
            // 30 pulling + 10 stopping, then 2 pulling + 9 restarting + 4 removing, at 0.18 USD an hour.
            let bill = try await simulator.get("/_sim/ledger").body
            #expect(
                bill == #"{"machines":[{"id":"\#(id)","name":"job-1","product_id":"4090.16c62g","billing_mode":"spot","gpu_count":1,"#
                    + #""created":1767225600,"released":1767225672,"metered":false,"billed_seconds":55,"amount_micro_usd":2750}],"#
                    + #""total_micro_usd":2750}"#)
        }
    }

    @Test("numbers come as the world sends them: 64 bits as text, 32 bits as numbers")
    func liveNumbers() async throws {
        try await RunningSimulator.serve { simulator in
            let id = try await simulator.createdID()
            try await simulator.advance(36)
            let instance = try #require(try await simulator.instance(id).json)
            for (key, value) in [
                ("cpuNum", "16"), ("memory", "62"), ("gpuNum", "1"), ("createdAt", "1767225600"), ("lastStartedAt", "1767225636"),
                ("lastStoppedAt", "0"), ("endTime", "-1"),
            ] as [(String, JSONValue)] {
                #expect(instance[key] == value, "\(key)")
            }
            #expect(instance["rootfsSize"] == 60)
            #expect(instance["spotStatus"] == nil)
            #expect(instance["connectComponentSSH"]?["isRunning"] == true)
            let list = try await simulator.get(RunningSimulator.v1 + "/gpu/instances?pageSize=10&pageNum=1").json
            guard case .array(let items)? = list?["instances"], let item = items.first else { return #expect(Bool(false), "no list") }
            #expect(item["spotStatus"] == "running" && item["spotReclaimTime"] == "0")
            #expect(item["connectComponentSSH"] == nil)
            #expect(item["envs"]?.text == #"[{"key":"RUN_ID","value":"7f3a"}]"#)
            #expect(item["portMappings"]?.text.contains("https://\(id)-8080.us-ca-6.gpu-instance.novita.ai") == true)
            #expect(list?["total"] == 1)
            let products = try await simulator.get(RunningSimulator.v1 + "/products?clusterId=us-ca-6").body
            #expect(products.contains(#""price":"35000","spotPrice":"18000""#))
        }
    }

    @Test("the documented numbers and the other customs can be switched on")
    func styles() async throws {
        var style = WireStyle()
        style.usesDocumentedNumbers = true
        style.writesTotalAsString = true
        style.hasEmptyBodies = true
        try await RunningSimulator.serve({ $0.notFoundStatus = 404 }, style: style) { simulator in
            let id = try await simulator.createdID()
            let instance = try #require(try await simulator.instance(id).json)
            #expect(instance["cpuNum"] == 16 && instance["gpuNum"] == 1)
            #expect(try await simulator.get(RunningSimulator.v1 + "/gpu/instances").json?["total"] == "1")
            #expect(try await simulator.get(RunningSimulator.v1 + "/products").body.contains(#""price":35000,"#))
            let delete = try await simulator.act("delete", id)
            #expect(delete.status == 200 && delete.body.isEmpty)
            #expect(try await simulator.instance("0000000000000000").status == 404)
        }
    }

    @Test(
        "a key is asked for, and answered in the API's words",
        arguments: [
            (nil, nil, 401, "UNAUTHORIZED"), ("Bearer ", nil, 401, "UNAUTHORIZED"), ("Basic abc", nil, 401, "UNAUTHORIZED"),
            ("Bearer wrong", "right", 403, "INVALID_API_KEY"),
        ] as [(String?, String?, Int, String)])
    func keys(sent: String?, good: String?, status: Int, reason: String) async throws {
        try await RunningSimulator.serve(key: good) { simulator in
            var client = simulator.client
            client.authorization = sent
            let response = try #require(try await client.send("GET", RunningSimulator.v1 + "/clusters"))
            #expect(response.status == status)
            #expect(response.json?["reason"] == .string(reason) && response.json?["code"] == .integer(Int64(status)))
            client.authorization = "Bearer right"
            #expect(try await client.send("GET", RunningSimulator.v1 + "/clusters")?.status == 200)
        }
    }

    @Test(
        "a body that cannot be read is refused, and the field named",
        arguments: [
            ("", "productId"), ("[]", "body"), ("{\"name\"", "body"), (#"{"name": 5}"#, "name"), (#"{"gpuNum": "one"}"#, "gpuNum"),
            (#"{"envs": {}}"#, "envs"), (#"{"envs": [1]}"#, "envs"), (#"{"envs": [{"key": 1}]}"#, "envs.key"),
            (#"{"autoRenew": "yes"}"#, "autoRenew"), (#"{"rootfsSize": 1.5}"#, "rootfsSize"),
        ])
    func unreadable(body: String, field: String) async throws {
        try await RunningSimulator.serve { simulator in
            let response = try #require(try await simulator.create(body))
            #expect(response.status == 400 && response.json?["reason"] == "VALIDATOR_PARAM")
            #expect(response.json?["message"]?.text.hasPrefix("\"invalid \(field): ") == true, "\(response.body)")
            #expect(try await simulator.machines().isEmpty)
        }
    }

    @Test("numbers are read from text as well, and unknown fields passed over")
    func tolerant() async throws {
        try await RunningSimulator.serve { simulator in
            let id = try await simulator.createdID(
                #"{"productId": "4090.16c62g", "gpuNum": "2", "rootfsSize": "5", "imageUrl": "x", "kind": "gpu", "region": "nowhere"}"#)
            let instance = try await simulator.instance(id).json
            #expect(instance?["gpuNum"] == "2" && instance?["rootfsSize"] == 10 && instance?["name"] == "")
        }
    }

    @Test(
        "what is not served is not found",
        arguments: [
            ("GET", "/gpu-instance/openapi/v1/nothing"), ("GET", "/clusters"), ("POST", "/gpu-instance/openapi/v1/clusters"),
            ("PUT", "/gpu-instance/openapi/v1/gpu/instance/start"), ("GET", "/gpu-instance/openapi/v1/billing/balance/detail"),
            ("GET", "/"),
        ])
    func unknownPaths(method: String, path: String) async throws {
        try await RunningSimulator.serve { simulator in
            let response = try #require(try await simulator.client.send(method, path))
            #expect(response.status == 404 && response.json?["code"] == 404)
        }
    }

    @Test("a body beyond the limit is refused")
    func tooLarge() async throws {
        try await RunningSimulator.serve { simulator in
            let response = try #require(try await simulator.create("{\"name\": \"\(String(repeating: "n", count: 2 << 20))\"}"))
            #expect(response.status == 413)
        }
    }

    @Test("the balance is in 1/10 000 USD")
    func balance() async throws {
        try await RunningSimulator.serve({ $0.initialBalance = 123_456_700 }) { simulator in
            let balance = try await simulator.get("/openapi/v1/billing/balance/detail")
            #expect(
                balance.body
                    == #"{"availableBalance":"1234567","cashBalance":"1234567","creditLimit":"0","outstandingInvoices":"0"}"#)
        }
    }

    @Test("names with any characters come back as they were")
    func strangeNames() async throws {
        try await RunningSimulator.serve { simulator in
            let body =
                #"{"name": "a\"b\\c\n\u0001é😀/", "productId": "4090.16c62g", "gpuNum": 1, "rootfsSize": 60, "imageUrl": "x", "kind": "gpu"}"#
            let id = try await simulator.createdID(body)
            #expect(try await simulator.instance(id).json?["name"] == .string("a\"b\\c\n\u{1}é😀/"))
            let found = try await simulator.get(RunningSimulator.v1 + "/gpu/instances?name=%C3%A9%F0%9F%98%80%2F").json
            #expect(found?["total"] == 1)
        }
    }

    @Test("a Unix socket serves as well")
    func unixSocket() async throws {
        let path = "/tmp/novita-sim-test-\(UInt32.random(in: 0...UInt32.max)).sock"
        try await RunningSimulator.serve(address: .unix(path: path)) { simulator in
            let response = try await simulator.get(RunningSimulator.v1 + "/clusters")
            #expect(response.status == 200)
        }
    }
}
