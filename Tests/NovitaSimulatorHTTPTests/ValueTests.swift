import NovitaSimulator
import NovitaSimulatorHTTP
import Testing

@Suite("Values of the REST face") struct ValueTests {
    @Test(
        "JSON is read and written",
        arguments: [
            #"{"a":[1,-2,1.5,true,false,null,"x"],"b":{}}"#, #""\u0000\u001f\n\"\\/é😀""#, "9223372036854775807", "-9223372036854775808",
            "[]",
        ])
    func json(text: String) throws {
        let value = try #require(JSONValue(parsing: text.utf8))
        #expect(value.text == text)
    }

    @Test("what is not JSON is refused", arguments: ["", "{", "nul", "[1,,2]", "\"\n\"", "{\"a\" 1}", "1 2"])
    func notJSON(text: String) {
        #expect(JSONValue(parsing: text.utf8) == nil)
    }

    @Test("deep nesting is refused, not a crash")
    func deepJSON() {
        let text = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(JSONValue(parsing: text.utf8) == nil)
    }

    @Test("the clock runs at its speed, skips, and does not jump when the speed changes")
    func clock() {
        let real = ContinuousClock.now
        var clock = VirtualClock(startingAt: SimulatorTime(unixSeconds: 100), speed: 60, at: real)
        #expect(clock.now(at: real + .seconds(2)) == SimulatorTime(unixSeconds: 220))
        clock.advance(by: .seconds(30))
        #expect(clock.now(at: real + .seconds(2)) == SimulatorTime(unixSeconds: 250))
        clock.setSpeed(0, at: real + .seconds(3))
        #expect(clock.now(at: real + .seconds(3)) == SimulatorTime(unixSeconds: 310))
        #expect(clock.now(at: real + .seconds(9)) == SimulatorTime(unixSeconds: 310))
        clock.setSpeed(0.5, at: real + .seconds(9))
        #expect(clock.now(at: real + .seconds(11)) == SimulatorTime(unixSeconds: 311))
    }
}
