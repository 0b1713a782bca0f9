import ArgumentParser
import Fleet
import FoundationEssentials
import Services
import Settings
import SystemPackage
import Telemetry

/// Makes, lists and ends tokens in the file of `AUTH_TOKENS_FILE`.
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make, list and end the tokens of callers.",
        discussion: """
            They are kept, as hashes, in the file of AUTH_TOKENS_FILE, which is found like every other setting, or in that of --file. A server
            that runs reads the file again on SIGHUP.
            """,
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token and print it, once: only its hash is kept.",
            discussion: """
                A principal may have several tokens: make the new one, give it out, then revoke the old one. Limits that are given replace
                the principal's own.
                """)

        @OptionGroup var file: PrincipalFileOptions

        @Argument(help: "Whose token: 1 to 64 letters, digits, '-', '_' or '@'. Made when it is new.")
        var principal: String

        @ArgumentParser.Option(help: "monitor, viewer, operator or admin. Required for a new principal.")
        var role: String?

        @ArgumentParser.Option(help: "Whose things it sees and changes. A new principal's default: default.")
        var tenant: String?

        @ArgumentParser.Option(
            help: "When the token ends: 90d, 12h or 30m from now, or a time like 2027-01-01T00:00:00Z. Without it: never.")
        var expires: String?

        @ArgumentParser.Option(help: "Calls per second in the long run.")
        var callsPerSecond: Int?

        @ArgumentParser.Option(help: "Calls at once before that.")
        var burst: Int?

        @ArgumentParser.Option(help: "Calls at work at one time.")
        var concurrentCalls: Int?

        @ArgumentParser.Option(help: "Machines of its own that are not proven gone.")
        var maxInstances: Int?

        @ArgumentParser.Option(help: "US dollars per hour of the same machines.")
        var maxHourlySpend: Double?

        func run() throws {
            let now = SystemClock().now.seconds
            var new = PrincipalDocument.NewToken(principal: self.principal, tenant: self.tenant, role: self.role, createdAt: now)
            if let expires {
                guard let time = TokenExpiry.seconds(of: expires, now: now), time > now else {
                    throw ValidationError("--expires takes 90d, 12h, 30m or a time to come, like 2027-01-01T00:00:00Z")
                }
                new.expiresAt = time
            }
            new.limits.callsPerSecond = self.callsPerSecond
            new.limits.burst = self.burst
            new.limits.concurrentCalls = self.concurrentCalls
            new.limits.maxInstances = self.maxInstances
            new.limits.maxHourlySpend = self.maxHourlySpend
            let token = BearerToken.make()
            var id = ""
            try self.file.edit { document throws(PrincipalDocument.Failure) in
                id = try document.add(new, digest: SHA256Digest.of(Array(token.utf8)))
            }
            print(token)
            self.file.note("token \(id) of \(self.principal) made; it is not shown again. A running server learns of it by SIGHUP.")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show who may call, and by which tokens.")

        @OptionGroup var file: PrincipalFileOptions

        func run() throws {
            let rows = try self.file.read().rows(at: SystemClock().now.seconds)
            print(["PRINCIPAL", "TENANT", "ROLE", "TOKEN", "CREATED", "EXPIRES", "LIMITS"].joined(separator: "\t"))
            for row in rows {
                print([row.principal, row.tenant, row.role, row.token, row.createdAt, row.expiresAt, row.limits].joined(separator: "\t"))
            }
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a token, or a principal with all its tokens, certificates and users.")

        @OptionGroup var file: PrincipalFileOptions

        @Argument(help: "The id of a token, or of a principal.")
        var id: String

        func run() throws {
            var gone: [String] = []
            try self.file.edit { document throws(PrincipalDocument.Failure) in gone = try document.revoke(self.id) }
            let what = gone.isEmpty ? self.id : gone.joined(separator: ", ")
            self.file.note("revoked: \(what). A running server learns of it by SIGHUP.")
        }
    }
}

/// Where the document is.
struct PrincipalFileOptions: ParsableArguments {
    @ArgumentParser.Option(help: ArgumentHelp("The file, instead of AUTH_TOKENS_FILE.", valueName: "path"))
    var file: String?

    @ArgumentParser.Option(help: ArgumentHelp("Read settings from a file of NAME=value lines.", valueName: "path"))
    var config: String?

    func read() throws -> PrincipalDocument {
        let path = try self.path()
        guard FileManager.default.fileExists(atPath: path) else { return PrincipalDocument() }
        do throws(SettingsError) {
            return try PrincipalTables.document(path)
        } catch {
            throw ExitStatus.configuration(error)
        }
    }

    /// All of it or nothing: whoever reads the file sees the old or the new document.
    /// Two that edit at the same time do so one after the other.
    func edit(_ change: (inout PrincipalDocument) throws(PrincipalDocument.Failure) -> Void) throws {
        let path = try self.path()
        do {
            try PrivateFile.edit(path) {
                var document = try self.read()
                do throws(PrincipalDocument.Failure) {
                    try change(&document)
                } catch {
                    self.note("\(error)")
                    throw ExitCode(ExitStatus.failure)
                }
                try PrivateFile.write(Array(document.text.utf8), to: path)
            }
        } catch let error as Errno {
            self.note("\(path) cannot be written: \(error)")
            throw ExitCode(ExitStatus.failure)
        }
    }

    /// Beside the answer, which may go to another program.
    func note(_ text: String) { StandardError.write(Array("novitaid: \(text)\n".utf8)) }

    private func path() throws -> String {
        if let file { return file }
        do throws(SettingsError) {
            let sources = try SettingsFiles.sources(flags: [], configPath: self.config)
            if let path = try ServerSettings.authTokensFile(in: sources) { return path }
            throw SettingsError([SettingsViolation("AUTH_TOKENS_FILE", "is not set; set it, or give --file")])
        } catch {
            throw ExitStatus.configuration(error)
        }
    }
}
