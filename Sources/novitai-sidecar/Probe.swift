import ArgumentParser
import Logging
import Sidecar

/// A container's health check: the image needs no shell and no other program for it.
struct Probe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the sidecar of this machine for a page, as an orchestrator does.",
        discussion: "Finds it by SIDECAR_LISTEN and ends with status 0 when it answers 200, with 1 and the reason when it does not.")

    /// Less than the shortest time that our container files give a probe, so that the reason is still printed.
    private static let timeout: Duration = .seconds(4)

    @OptionGroup var arguments: SidecarArguments

    @ArgumentParser.Option(help: ArgumentHelp("The page: /livez, /readyz or /health.", valueName: "path"))
    var path = "/livez"

    func run() async throws {
        let settings = self.arguments.settings
        let logger = settings.makeLogger()
        try settings.check(logger)
        do {
            let status = try await SidecarProbe(address: settings.probeAddress, timeout: Self.timeout).status(of: self.path)
            guard status != 200 else { return print("\(self.path): 200") }
            logger.error("probe failed", metadata: ["path": "\(self.path)", "status": "\(status)"])
        } catch {
            logger.error("probe failed", metadata: ["path": "\(self.path)", "error": "\(error)"])
        }
        throw ExitCode.failure
    }
}
