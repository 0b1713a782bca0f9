import Fleet
import Testing

@Suite("Ownership token")
struct OwnershipTokenTests {
    @Test("What is written is read back")
    func roundTrip() {
        let token = OwnershipToken(
            deployment: DeploymentID(rawValue: "d0"), instance: InstanceID(rawValue: "i-1"), attempt: 3)
        #expect(token.text == "d0.i-1.3")
        #expect(OwnershipToken(token.text) == token)
    }

    @Test(
        "Anything else is nobody's",
        arguments: ["", "d0", "d0.i-1", "d0.i-1.0", "d0.i-1.03", "d0.i-1.-1", "d0.i-1.3.4", ".i-1.3", "d0..3", "d0.i-1.x", "d0.i-1.+3"])
    func foreign(_ text: String) {
        #expect(OwnershipToken(text) == nil)
    }
}
