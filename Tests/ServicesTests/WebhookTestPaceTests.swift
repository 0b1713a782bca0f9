import Fleet
import Testing

@testable import Services

@Suite("Pace of webhook tests")
struct WebhookTestPaceTests {
    @Test("A tenant sends so many tests in a minute, and is told when there is room again; others are not counted with it")
    func minute() {
        let (one, other) = (TenantID(rawValue: "one"), TenantID(rawValue: "other"))
        let begin = Timestamp(seconds: 1000)
        var pace = WebhookTestPace()
        for second in 0..<WebhookTestPace.perMinuteMax { #expect(pace.admit(one, at: begin + .seconds(second)) == nil) }
        #expect(pace.admit(one, at: begin + .seconds(30)) == .seconds(30))
        #expect(pace.admit(other, at: begin + .seconds(30)) == nil)
        #expect(pace.admit(one, at: begin + .seconds(60)) == nil)
        #expect(pace.admit(one, at: begin + .seconds(60)) == .seconds(1))
    }
}
