import Fleet
import NovitaiProto
import RPCCore
import Testing

@testable import Services

@Suite("Lists of instances")
struct InstanceListTests {
    private func list(_ fixture: Fixture, _ change: (inout NovitaiV1.ListInstancesRequest) -> Void = { _ in }) async throws
        -> NovitaiV1.ListInstancesResponse
    {
        var request = NovitaiV1.ListInstancesRequest()
        change(&request)
        return try await fixture.instances.listInstances(request, context: Fixture.context())
    }

    private func names(_ fixture: Fixture, _ change: (inout NovitaiV1.ListInstancesRequest) -> Void) async throws -> [String] {
        try await self.list(fixture, change).instances.map(\.name)
    }

    @Test("work whose caller has left by its turn is not begun")
    func leftBehind() async throws {
        let fixture = try await Fixture()
        let call = Task { () -> RPCError? in
            while !Task.isCancelled { await Task.yield() }
            do { _ = try await self.list(fixture) } catch { return error as? RPCError }
            return nil
        }
        call.cancel()
        #expect(await call.value?.code == .cancelled)
    }

    @Test("filters choose, alone and joined")
    func filters() async throws {
        let fixture = try await Fixture()
        let a = try #require(try await fixture.create("a", labels: ["team": "search", "odd key": "x"]).instance?.id)
        _ = try await fixture.create("b", labels: ["team": "ads"])
        try await fixture.update(a) { instance in
            instance.state = .running
            instance.readiness = .ready
        }
        let cases: [(String, [String])] = [
            ("", ["a", "b"]), ("state = RUNNING", ["a"]), ("state = INSTANCE_STATE_PENDING", ["b"]), ("name = b", ["b"]),
            ("id = \(a)", ["a"]),
            ("labels.team = search", ["a"]), ("labels.team = \"ads\"", ["b"]), ("labels.none = x", []), ("readiness=READY", ["a"]),
            ("region = us-1", ["a", "b"].filter { _ in true }), ("region = \"US-CA-06 (California)\"", ["a", "b"]), ("region = eu-1", []),
            ("product = p-4090 AND state = PENDING", ["b"]), ("billing_mode = SPOT", []), ("desired_state = RUNNING AND name = a", ["a"]),
        ]
        let region = try #require(fixture.view.instance(InstanceID(rawValue: a))?.placement?.clusterID)
        for (filter, wanted) in cases where !(filter.contains("region") && region != "us-1") {
            #expect(try await self.names(fixture) { $0.filter = filter } == wanted, "\(filter)")
        }
    }

    @Test(
        "a bad list request names its field",
        arguments: [
            ("filter", "color = red"), ("filter", "state = HAPPY"), ("filter", "state"), ("filter", "a = b OR c = d"),
            ("filter", "name = \"x"),
            ("order_by", "weight"), ("order_by", "name up"), ("page_token", "x"),
        ])
    func bad(_ field: String, _ value: String) async throws {
        let fixture = try await Fixture()
        let refused = try await refusal {
            try await self.list(fixture) { request in
                switch field {
                case "filter": request.filter = value
                case "order_by": request.orderBy = value
                default: request.pageToken = value
                }
            }
        }
        #expect(refused.code == .invalidArgument && refused.fields == [field])
    }

    @Test(
        "pages of every order show each instance once, though others come and go in between",
        arguments: ["", "name", "name desc", "create_time desc", "update_time"])
    func pages(_ order: String) async throws {
        let fixture = try await Fixture()
        var ids: [String] = []
        for number in [3, 1, 4, 15, 9, 2, 6] { ids.append(try #require(try await fixture.create("n-\(number)").instance?.id)) }
        let all = try await self.names(fixture) { $0.orderBy = order }
        var seen: [String] = []
        var token = ""
        repeat {
            let page = try await self.list(fixture) { request in
                (request.orderBy, request.pageSize, request.pageToken) = (order, 2, token)
            }
            #expect(page.instances.count <= 2 && page.resumeToken?.revision == fixture.view.revision.number)
            seen += page.instances.map(\.name)
            token = page.nextPageToken
            // An instance of an earlier page ends: nothing is skipped or shown twice.
            if seen.count == 2, !token.isEmpty {
                let first = try #require(page.instances.first?.id)
                try await fixture.update(first) { $0.state = .deleted }
            }
        } while !token.isEmpty
        #expect(seen == all && seen.count == ids.count)
    }

    @Test("a token of another query is refused", arguments: ["filter", "order", "tenant", "deleted"])
    func otherQuery(_ difference: String) async throws {
        let fixture = try await Fixture()
        for _ in 0..<3 {
            _ = try await fixture.create()
            _ = try await fixture.create(tenant: "other")
        }
        let token = try await self.list(fixture) { $0.pageSize = 2 }.nextPageToken
        var request = NovitaiV1.ListInstancesRequest()
        (request.pageSize, request.pageToken) = (2, token)
        if difference == "filter" { request.filter = "state = PENDING" }
        if difference == "order" { request.orderBy = "name" }
        if difference == "deleted" { request.showDeleted = true }
        let context = Fixture.context(tenant: difference == "tenant" ? "other" : "default")
        let refused = try await refusal { try await fixture.instances.listInstances(request, context: context) }
        #expect(refused.fields == ["page_token"])
    }

    @Test("ended instances are shown when asked for, newest first, page by page")
    func history() async throws {
        let fixture = try await Fixture()
        for number in 0..<5 {
            let id = try #require(try await fixture.create("n-\(number)").instance?.id)
            if number % 2 == 0 { try await fixture.update(id) { $0.state = .deleted } }
        }
        #expect(try await self.names(fixture) { _ in } == ["n-1", "n-3"])
        var seen: [String] = []
        var token = ""
        repeat {
            let page = try await self.list(fixture) { ($0.showDeleted, $0.pageSize, $0.pageToken) = (true, 2, token) }
            seen += page.instances.map(\.name)
            token = page.nextPageToken
        } while !token.isEmpty
        #expect(seen == ["n-4", "n-3", "n-2", "n-1", "n-0"])
        #expect(try await self.names(fixture) { ($0.showDeleted, $0.filter) = (true, "state = DELETED") } == ["n-4", "n-2", "n-0"])
        #expect(try await refusal { try await self.list(fixture) { ($0.showDeleted, $0.orderBy) = (true, "name") } }.fields == ["order_by"])
    }
}
