import NovitaSimulator
import Testing

@Suite("Lists") struct ListTests {
    private static func world(count: Int, _ configure: (inout SimulatorConfiguration) -> Void = { _ in }) throws -> World {
        var world = World(configure)
        for number in 1...count { _ = try world.create(World.request("Job-\(number)")) }
        return world
    }

    private static func names(_ page: InstancePage) -> [String] { page.instances.map(\.name) }

    @Test(
        "pages are cut, counted from one, and hold the newest first",
        arguments: [
            (nil, nil, ["Job-5", "Job-4"]), (2, 1, ["Job-5", "Job-4"]), (2, 0, ["Job-5", "Job-4"]), (2, 3, ["Job-1"]), (2, 4, []),
            (100, 1, ["Job-5", "Job-4", "Job-3"]), (1, Int.max, []),
        ] as [(Int?, Int?, [String])])
    func pages(size: Int?, number: Int?, names: [String]) throws {
        var world = try Self.world(count: 5) {
            $0.pageSizeDefault = 2
            $0.pageSizeMax = 3
        }
        let page = try world.list(InstanceQuery(pageSize: size, pageNumber: number))
        #expect(Self.names(page) == names)
        #expect(page.total == 5)
    }

    @Test("pages may count from zero")
    func zeroBased() throws {
        var world = try Self.world(count: 3) { $0.hasZeroBasedPages = true }
        #expect(try Self.names(world.list(InstanceQuery(pageSize: 2, pageNumber: 0))) == ["Job-3", "Job-2"])
        #expect(try Self.names(world.list(InstanceQuery(pageSize: 2, pageNumber: 1))) == ["Job-1"])
    }

    @Test("a negative page is refused", arguments: [(-1, 1), (1, -1)])
    func negative(size: Int, number: Int) throws {
        var world = World()
        #expect(throws: APIError.self) { try world.list(InstanceQuery(pageSize: size, pageNumber: number)) }
    }

    @Test("the name matches in part and in any case; the status exactly")
    func filters() throws {
        var world = try Self.world(count: 12)
        #expect(try Self.names(world.list(InstanceQuery(name: "job-1"))) == ["Job-12", "Job-11", "Job-10", "Job-1"])
        world.pass(.seconds(6))
        _ = try world.create(World.request("late"))
        #expect(try world.list(InstanceQuery(status: "pulling")).total == 12)
        #expect(try Self.names(world.list(InstanceQuery(status: "toCreate"))) == ["late"])
        #expect(try world.list(InstanceQuery(name: "job-1", status: "pulling")).total == 4)
    }

    @Test("a fleet can be there from the start, running")
    func initialFleet() throws {
        var world = World { $0.initialInstances = 250 }
        let page = try world.list(InstanceQuery(pageSize: 100, status: "running"))
        #expect(page.total == 250)
        #expect(page.instances.allSatisfy { $0.connection != nil })
        #expect(Set(try (1...3).flatMap { try world.list(InstanceQuery(pageSize: 100, pageNumber: $0)).instances.map(\.id) }).count == 250)
    }
}
