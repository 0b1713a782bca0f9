import Fleet
import Testing

@testable import Services

@Suite("Filters") struct FilterTests {
    @Test(
        "terms are field = value joined by AND; a value may stand in quotes",
        arguments: [
            ("", []), ("   ", []), ("state = RUNNING", ["state:RUNNING"]), ("state=RUNNING", ["state:RUNNING"]),
            ("name = a AND region = us-ca-6", ["name:a", "region:us-ca-6"]), ("name = \"RTX 4090 24GB\"", ["name:RTX 4090 24GB"]),
            (#"name = "a \"b\" \\c""#, [#"name:a "b" \c"#]), ("name = \"AND\" AND id = x", ["name:AND", "id:x"]),
            ("name = \"a = b\"", ["name:a = b"]), ("labels.team = search", ["labels.team:search"]), ("name = \"\"", ["name:"]),
        ])
    func grammar(_ text: String, _ terms: [String]) throws {
        #expect(try Filter(text).terms.map { "\($0.field):\($0.value)" } == terms)
    }

    @Test(
        "what is no filter is refused, and the field named",
        arguments: [
            "name", "name =", "= a", "name a", "name == a", "name = a b", "name = a AND", "AND name = a", "name = a OR name = b",
            "name = a name = b", "name = \"a", "name = \"a\"b", #"name = "a\n""#, "name = a AND AND id = b",
            String(repeating: "a", count: 3000), Array(repeating: "a = b", count: 17).joined(separator: " AND "),
        ])
    func malformed(_ text: String) {
        let error = #expect(throws: FleetError.self) { try InstanceQuery.predicate(text) }
        #expect(error?.code == .invalidArgument && error?.violations.map(\.field) == ["filter"])
    }

    @Test(
        "fields and values that a list does not have are refused",
        arguments: ["color = red", "state = BROKEN", "state = UNSPECIFIED", "labels. = a"])
    func unknown(_ text: String) {
        let error = #expect(throws: FleetError.self) { try InstanceQuery.predicate(text) }
        #expect(error?.violations.map(\.field) == ["filter"])
    }

    @Test(
        "an instance fits when every term holds",
        arguments: [
            ("", true), ("state = PENDING", true), ("state = INSTANCE_STATE_PENDING", true), ("state = RUNNING", false),
            ("name = trainer", true),
            ("name = Trainer", false), ("labels.team = search", true), ("labels.team = ads", false), ("labels.none = search", false),
            ("name = trainer AND state = PENDING", true), ("name = trainer AND state = RUNNING", false), ("region = us-ca-6", true),
            ("region = \"US-CA-06 (California)\"", true), ("region = us", false),
        ])
    func matching(_ text: String, _ fits: Bool) throws {
        let placement = Placement(
            productID: "p", productName: "P", clusterID: "us-ca-6", clusterName: "US-CA-06 (California)", billingMode: .onDemand,
            hourlyPrice: .zero)
        let instance = Instance(
            id: InstanceID(rawValue: "i-1"), name: "trainer", tenant: .default, spec: InstanceSpec(products: [], image: ""),
            labels: ["team": "search"], placement: placement, createdAt: Timestamp(seconds: 1))
        #expect(try InstanceQuery.predicate(text).matches(instance) == fits)
    }
}

@Suite("Pages") struct PageTests {
    private struct Item: Hashable {
        var id: String
        var time: Int64
        var name: String
    }

    private static let keys: [(name: String, key: ListOrder<Item>.Key)] = [
        ("time", { ListPosition(number: $0.time, id: $0.id) }), ("name", { ListPosition(text: $0.name, id: $0.id) }),
    ]

    /// Times and names repeat, so that only the id tells some of them apart; some times are negative.
    private static let items = (0..<103).map { Item(id: "i-\($0)", time: Int64($0 * 37 % 10) - 5, name: "n\($0 * 53 % 7)") }

    @Test(
        "the pages together are the list, once and in order", arguments: ["", "time", "time desc", "name", " name  desc "],
        [1, 7, 102, 103, 1000])
    func whole(orderBy: String, size: Int32) throws {
        let order = try ListOrder<Item>(orderBy, keys: Self.keys, default: "time")
        var generator = Generator(state: 1)
        let read = try Self.read(Self.items.shuffled(using: &generator), by: order, size: size) { items in items.shuffled(using: &generator)
        }
        #expect(read == Self.items.sorted { order.comesBefore(order.key($0), order.key($1)) })
    }

    @Test(
        "what comes and goes between pages makes nothing else appear twice or not at all", arguments: ["time", "time desc", "name desc"],
        1...20)
    func changing(orderBy: String, round: Int) throws {
        let order = try ListOrder<Item>(orderBy, keys: Self.keys, default: "time")
        var generator = Generator(state: UInt64(round))
        let lasting = Set(Self.items.filter { $0.id.utf8.count == 4 })
        let read = try Self.read(Self.items, by: order, size: 9) { items in
            let kept = items.filter { lasting.contains($0) || Bool.random(using: &generator) }
            let number = Int.random(in: 1000..<9999, using: &generator)
            return kept + [Item(id: "i-\(number)", time: Int64(number % 10) - 5, name: "n\(number % 7)")]
        }
        #expect(Set(read).count == read.count, "round \(round)")
        #expect(lasting.isSubset(of: read), "round \(round)")
    }

    @Test(
        "a page size is 1 to 1000, and 0 is 100",
        arguments: [(0, 100), (1, 1), (1000, 1000), (-1, nil), (1001, nil), (.min, nil), (.max, nil)] as [(Int32, Int?)])
    func size(_ asked: Int32, _ size: Int?) {
        do throws(FleetError) {
            #expect(try PageRequest(size: asked, token: "", query: []).size == size)
        } catch {
            #expect(size == nil && error.violations.map(\.field) == ["page_size"])
        }
    }

    @Test(
        "an order that the list does not have is refused",
        arguments: ["weight", "time asc", "time desc desc", "desc", "TIME", "time, name"])
    func unknownOrder(_ text: String) {
        let error = #expect(throws: FleetError.self) { try ListOrder<Item>(text, keys: Self.keys, default: "time") }
        #expect(error?.violations.map(\.field) == ["order_by"])
    }

    @Test(
        "a token is refused by every other query", arguments: [[], ["a"], ["a", "b", ""], ["ab"], ["b", "a"], ["a", "c"]] as [[String]])
    func otherQuery(_ query: [String]) throws {
        let token = try PageRequest(size: 1, token: "", query: ["a", "b"]).token(at: ListPosition(number: 7, text: "x", id: "i-1"))
        #expect(try PageRequest(size: 1, token: token, query: ["a", "b"]).after == ListPosition(number: 7, text: "x", id: "i-1"))
        let error = #expect(throws: FleetError.self) { try PageRequest(size: 1, token: token, query: query) }
        #expect(error?.code == .invalidArgument && error?.violations.map(\.field) == ["page_token"])
    }

    @Test(
        "a damaged token is refused wherever the damage is, and one that is safe in a URL is made", arguments: [Int64.min, -1, 0, 1, .max])
    func damaged(number: Int64) throws {
        let token = try PageRequest(size: 1, token: "", query: ["a"]).token(at: ListPosition(number: number, text: "ü?>~", id: "i-1"))
        #expect(
            token.utf8.allSatisfy {
                Character(Unicode.Scalar($0)).isLetter || Character(Unicode.Scalar($0)).isNumber || $0 == 0x2D || $0 == 0x5F
            })
        for position in token.indices {
            for other in "A_z" where token[position] != other {
                let damaged = token[..<position] + String(other) + token[token.index(after: position)...]
                #expect(throws: FleetError.self) { try PageRequest(size: 1, token: String(damaged), query: ["a"]) }
            }
            #expect(throws: FleetError.self) { try PageRequest(size: 1, token: "\(token[...position])=", query: ["a"]) }
        }
    }

    @Test("what was never a token is refused", arguments: ["x", "AAAA", " ", "////", "%41", String(repeating: "A", count: 100_000), "\0"])
    func forged(_ token: String) {
        #expect(throws: FleetError.self) { try PageRequest(size: 1, token: token, query: ["a"]) }
    }

    @Test("a page of large items is cut, and goes on behind the cut")
    func large() throws {
        let order = try ListOrder<Item>("", keys: Self.keys, default: "time")
        let page = try PageRequest(size: 100, token: "", query: [])
        let (items, token) = page.page(of: Self.items, by: order) { _ in PageRequest.bytesMax / 3 }
        #expect(items.count == 3)
        let next = try PageRequest(size: 100, token: token, query: []).page(of: Self.items, by: order).0
        #expect(next.count == 100 && Set(next).isDisjoint(with: items))
        #expect(page.page(of: Self.items, by: order) { _ in .max / 4 }.0.count == 1, "one item always goes out")
    }

    /// Reads all pages; `change` makes the list of the next page from that of the last.
    private static func read(
        _ items: [Item], by order: ListOrder<Item>, size: Int32, change: ([Item]) -> [Item]
    ) throws -> [Item] {
        var items = items
        var read: [Item] = []
        var token = ""
        repeat {
            let (page, next) = try PageRequest(size: size, token: token, query: ["items"]).page(of: items, by: order)
            read += page
            token = next
            items = change(items)
        } while !token.isEmpty && read.count < 10_000
        return read
    }
}

/// A linear congruence: the same numbers in every run.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return self.state ^ self.state >> 29
    }
}
