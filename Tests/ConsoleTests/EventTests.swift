import NovitaiProto
import Testing

@testable import Console

@Suite("Events for the page")
struct EventTests {
    private static func token(_ revision: Int64, history: String = "h") -> NovitaiV1.ResumeToken {
        var token = NovitaiV1.ResumeToken()
        token.historyId = history
        token.revision = revision
        return token
    }

    @Test("a position comes back as it was sent")
    func roundTrip() {
        var position = EventPosition()
        position.advance(.instances, to: Self.token(7))
        position.advance(.jobs, to: Self.token(9))
        #expect(position.description == "h.7.9")
        #expect(EventPosition(position.description).token(of: .instances)?.revision == 7)
        #expect(EventPosition(position.description).token(of: .jobs)?.historyId == "h")
    }

    @Test(
        "what is no position begins at the beginning",
        arguments: [
            "", "h", "h.1", "h.1.2.3", ".1.2", "h.x.2", "h.-1.2", "h.1.99999999999999999999", String(repeating: "h", count: 65) + ".1.2",
        ])
    func strange(_ text: String) {
        #expect(EventPosition(text).token(of: .instances) == nil && EventPosition(text).token(of: .jobs) == nil)
    }

    @Test("a part of a snapshot moves nothing; another history forgets both places; a source that begins anew forgets its own")
    func advance() {
        var position = EventPosition("h.7.9")
        position.advance(.instances, to: nil)
        #expect(position.description == "h.7.9")
        position.forget(.jobs)
        #expect(position.description == "h.7.0")
        position.advance(.instances, to: Self.token(2, history: "other"))
        #expect(position.description == "other.2.0")
    }

    @Test("an event is written as a browser reads it")
    func text() {
        #expect(PageEvent(name: "jobs", json: "{}").text(at: EventPosition("h.1.2")) == "event: jobs\nid: h.1.2\ndata: {}\n\n")
    }

    @Test("one person takes only so many streams, all together too, and what ends makes place")
    func slots() {
        let slots = StreamSlots()
        var held = (0..<ConsoleLimits.streamsOfOnePersonMax).map { _ in slots.take(for: "ann") }
        #expect(held.allSatisfy { $0 != nil } && slots.take(for: "ann") == nil)
        held.removeLast()
        #expect(slots.take(for: "ann") != nil)
        var person = 0
        while let slot = slots.take(for: "p\(person)") {
            held.append(slot)
            person += 1
        }
        #expect(slots.count == ConsoleLimits.streamsMax)
        held = []
        #expect(slots.count == 0)
    }
}
