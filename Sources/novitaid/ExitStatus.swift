import ArgumentParser
import Glibc
import Settings
import Telemetry

/// How the process ends (sysexits(3)).
enum ExitStatus {
    static let failure: Int32 = 1
    /// `EX_TEMPFAIL`: another process owns the database.
    static let tryAgain: Int32 = 75

    /// Everything that is wrong, one a line.
    static func configuration(_ error: SettingsError) -> ExitCode {
        for violation in error.violations { StandardError.write(Array("novitaid: \(violation)\n".utf8)) }
        return ExitCode(SettingsError.exitStatus)
    }

    static func failed(_ reason: String, status: Int32 = ExitStatus.failure) -> ExitCode {
        StandardError.write(Array("novitaid: \(reason)\n".utf8))
        return ExitCode(status)
    }

    /// Ends at once, whatever runs: the state is in the database, and the database survives it.
    static func endNow(_ status: Int32) -> Never { exit(status) }
}
