import Fleet
import Testing

@Suite("Webhooks")
struct WebhookTests {
    private static let target = WebhookTarget(id: "default", url: "https://h/x")
    private static let history = HistoryID(rawValue: "h1")

    private static var delivery: WebhookDelivery {
        WebhookDelivery(WebhookEvent.test(id: "e", tenant: .default, at: noon), target: self.target, at: noon)
    }

    @Test("Each change has its events, counted per instance; what looks the same has none")
    func events() {
        var mark = WebhookMark()
        var instance = Instance.sample(.pending, upstream: nil)
        #expect(mark.events(of: instance, history: Self.history).map(\.type) == ["instance.pending"])
        instance.state = .running
        instance.readiness = .ready
        let events = mark.events(of: instance, history: Self.history)
        #expect(events.map(\.type) == ["instance.running", "instance.ready"] && events.map(\.sequence) == [2, 3])
        #expect(events.map(\.id) == ["h1-7-0", "h1-7-1"])
        #expect(mark.events(of: instance, history: Self.history).isEmpty)
        instance.warnedOf = NextAction(kind: .stop, cause: .idle, at: noon)
        #expect(mark.events(of: instance, history: Self.history).map(\.type) == ["instance.policy_warning"])
    }

    @Test("A notice is told once, with the time of the reclaim; another machine's, or one for another time, is told too")
    func spotNotice() throws {
        let (soon, later) = (noon + .seconds(3600), noon + .seconds(7200))
        let cases: [(machine: String, facts: SpotFacts?, isTold: Bool)] = [
            ("m1", SpotFacts(status: "running"), false), ("m1", SpotFacts(status: "notified"), false),
            ("m1", SpotFacts(status: "notified", reclaimAt: soon), true), ("m1", SpotFacts(status: "notified", reclaimAt: soon), false),
            // What a reader leaves out for a moment is no new notice when it shows again.
            ("m1", nil, false), ("m1", SpotFacts(status: "notified", reclaimAt: soon), false),
            ("m1", SpotFacts(status: "notified", reclaimAt: later), true), ("m2", SpotFacts(status: "notified", reclaimAt: later), true),
            ("m2", SpotFacts(status: "reclaiming", reclaimAt: later), false),
        ]
        var mark = WebhookMark(asFound: .sample(.running))
        for (number, (machine, facts, isTold)) in cases.enumerated() {
            var instance = Instance.sample(.running, upstream: machine)
            instance.spot = facts
            let events = mark.events(of: instance, history: Self.history)
            #expect(events.map(\.type) == (isTold ? ["instance.spot_notice"] : []), "case \(number)")
            guard let event = events.first, let reclaimAt = facts?.reclaimAt else { continue }
            #expect(event.body.contains(#""spot_reclaim_time_ms":\#(reclaimAt.microseconds / 1000)"#))
        }
        // Nor is one told that stood before there was anybody to tell.
        var noticed = Instance.sample(.running)
        noticed.spot = SpotFacts(status: "notified", reclaimAt: soon)
        var found = WebhookMark(asFound: noticed)
        noticed.name = "renamed"
        #expect(found.events(of: noticed, history: Self.history).isEmpty)
    }

    @Test("Of an instance that was there before there was anybody to tell, only what changes is told")
    func asFound() {
        var instance = Instance.sample(.running)
        instance.readiness = .ready
        var mark = WebhookMark(asFound: instance)
        instance.name = "renamed"
        #expect(mark.events(of: instance, history: Self.history).isEmpty)
        instance.readiness = .notReady
        let first = mark.events(of: instance, history: Self.history)
        #expect(first.map(\.type) == ["instance.unready"] && first.map(\.sequence) == [1])
        instance.state = .stopped
        #expect(mark.events(of: instance, history: Self.history).map(\.type) == ["instance.stopped"])
    }

    @Test("The body is JSON, whatever the texts in it hold")
    func body() {
        var mark = WebhookMark()
        var instance = Instance.sample(.failed, upstream: nil)
        instance.stateMessage = "a \"quoted\" \\ text\nand \u{1} ü"
        let body = mark.events(of: instance, history: Self.history).first?.body ?? ""
        #expect(body.contains(#""state_message":"a \"quoted\" \\ text\u000aand \u0001 ü""#))
        #expect(body.hasPrefix(#"{"id":"h1-7-0","type":"instance.failed","sequence":1,"#))
    }

    @Test("What is not taken is tried again, ever more slowly, for a day; 410 ends it at once")
    func retries() throws {
        var delivery = Self.delivery
        var delays: [Duration] = []
        var now = noon
        while delivery.state == .pending, delays.count < 100 {
            delivery = delivery.answered(WebhookAnswer(status: 500, error: "no"), at: now)
            guard let dueAt = delivery.dueAt else { break }
            delays.append(dueAt - now)
            now = dueAt
        }
        #expect(delays.prefix(4) == [.seconds(5), .seconds(10), .seconds(20), .seconds(40)] && delays.max() == .seconds(3600))
        #expect(delivery.state == .failed && delivery.attemptCount == delays.count + 1 && delivery.attempts.count == 16)
        #expect(now - noon <= WebhookDelivery.patience)
        #expect(Self.delivery.answered(WebhookAnswer(status: 410), at: noon).state == .failed)
        #expect(Self.delivery.answered(WebhookAnswer(status: 302), at: noon).state == .pending)
        #expect(Self.delivery.answered(WebhookAnswer(status: 204), at: noon).state == .delivered)
    }

    @Test("The day begins with the first attempt: a server that was away for longer does not cost a receiver its events")
    func patience() {
        let late = noon + .seconds(2 * 86_400)
        let first = Self.delivery.answered(WebhookAnswer(status: 503), at: late)
        #expect(first.state == .pending && first.dueAt == late + .seconds(5))
        #expect(first.answered(WebhookAnswer(status: 503), at: late + WebhookDelivery.patience).state == .failed)
    }

    @Test("What has ended is delivered once more when somebody asks, and not again for the same request")
    func redelivery() {
        let ended = Self.delivery.answered(WebhookAnswer(status: 204), at: noon)
        let again = ended.redelivered(by: "r1", at: noon + .seconds(60))
        #expect(again.state == .pending && again.dueAt == noon + .seconds(60) && again.body == ended.body)
        #expect(again.requestID == "r1" && again.attemptCount == 0)
    }

    @Test("What cannot be sent at all is left alone with its reason")
    func abandoned() {
        let abandoned = Self.delivery.abandoned("no target", at: noon)
        #expect(abandoned.state == .failed && abandoned.dueAt == nil && abandoned.endedAt == noon)
        #expect(abandoned.attempts.map(\.error) == ["no target"])
    }

    @Test("A target with types, or of a tenant, gets those alone")
    func filters() {
        let event = WebhookEvent.test(id: "e", tenant: .default, at: noon)
        #expect(Self.target.wants(event))
        #expect(!WebhookTarget(id: "t", url: "", types: ["instance.failed"]).wants(event))
        #expect(WebhookTarget(id: "t", url: "", types: [WebhookEvent.test]).wants(event))
        #expect(WebhookTarget(id: "t", url: "", tenant: .default).wants(event))
        #expect(!WebhookTarget(id: "t", url: "", tenant: TenantID(rawValue: "other")).wants(event))
    }
}
