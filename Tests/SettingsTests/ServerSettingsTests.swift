import Fleet
import Testing

@testable import Settings

private let files = ["/key": "sk_from-a-file\n", "/empty": "\n"]

private struct NoSuchFile: Error {}

/// What is in force for these variables in the environment, on a loopback upstream.
private func settings(
    _ environment: [String: String] = [:], flags: [String: String] = [:], dotEnv: [String: String] = [:], file: [String: String] = [:]
)
    throws(SettingsError) -> ServerSettings
{
    let base = ["NOVITA_API_BASE_URL": "http://127.0.0.1:8090"]
    let sources = SettingsSources(flags: flags, environment: base.merging(environment) { $1 }, dotEnv: dotEnv, file: file)
    return try ServerSettings(sources) { path in
        guard let text = files[path] else { throw NoSuchFile() }
        return text
    }
}

private func violations(_ environment: [String: String]) -> [String] {
    do throws(SettingsError) {
        _ = try settings(environment)
        return []
    } catch {
        return error.violations.map(\.name)
    }
}

@Suite("Settings of novitaid")
struct ServerSettingsTests {
    @Test("defaults are those of the documentation")
    func defaults() throws {
        let settings = try settings()
        #expect(settings.listen.description == "127.0.0.1:50051")
        #expect(settings.databasePath == ".novitai/novitai.db")
        #expect(settings.maxInstances == 100)
        #expect(settings.maxHourlySpend.micros == 100_000_000)
        #expect(settings.pollInterval == .seconds(30))
        #expect(settings.maxConcurrentJobs == 10)
        #expect(settings.cacheTimeout == .seconds(300))
        #expect(settings.requestTimeout == .seconds(30))
        #expect(settings.maxRetryAttempts == 3)
        #expect(settings.settleWindow == .seconds(600))
        #expect(settings.upstreamRequestsPerMinute == 100)
        #expect((settings.rateLimitPerSecond, settings.rateLimitBurst) == (1000, 2000))
        #expect(settings.startupTimeout == .seconds(1200))
        #expect(settings.revisionRetention == .seconds(86400))
        #expect(settings.shutdownGrace == .seconds(30))
        #expect(settings.log.level == .info && settings.log.format == .json)
        #expect(settings.defaultRegion == nil && settings.apiKey == nil && settings.authTokensFile == nil)
    }

    @Test("the default of every option obeys its own rule")
    func defaultsObey() throws {
        let options = ServerSettings.options.filter { !$0.value.isEmpty && !$0.isSecret }
        #expect(options.count > 25)
        let given = Dictionary(uniqueKeysWithValues: options.map { ($0.name, $0.value) })
        let same = try settings(given.merging(["NOVITA_API_BASE_URL": "http://localhost"]) { $1 })
        #expect(
            same.effective.filter { given[$0.name] != nil && $0.name != "NOVITA_API_BASE_URL" }.allSatisfy { $0.value == given[$0.name] })
    }

    @Test("a flag wins over the environment, that over .env, that over the file, that over the default")
    func precedence() throws {
        let name = "MAX_INSTANCES"
        #expect(try settings([name: "2"], flags: [name: "1"], dotEnv: [name: "3"], file: [name: "4"]).maxInstances == 1)
        #expect(try settings([name: "2"], dotEnv: [name: "3"], file: [name: "4"]).maxInstances == 2)
        #expect(try settings(dotEnv: [name: "3"], file: [name: "4"]).maxInstances == 3)
        #expect(try settings(file: [name: "4"]).maxInstances == 4)
    }

    @Test("an empty text is no value")
    func empty() throws {
        #expect(try settings(["MAX_INSTANCES": "", "DEFAULT_REGION": ""], file: ["MAX_INSTANCES": "7"]).maxInstances == 7)
    }

    @Test(
        "a value outside its range names its variable",
        arguments: [
            ("INSTANCE_POLL_INTERVAL", "0"), ("INSTANCE_POLL_INTERVAL", "301"), ("MAX_CONCURRENT_JOBS", "0"),
            ("MAX_CONCURRENT_JOBS", "1001"),
            ("CACHE_TIMEOUT", "3601"), ("REQUEST_TIMEOUT", "999"), ("REQUEST_TIMEOUT", "121s"), ("MAX_RETRY_ATTEMPTS", "11"),
            ("SETTLE_WINDOW", "59"), ("SETTLE_WINDOW", "2h"), ("UPSTREAM_REQUESTS_PER_MINUTE", "9"), ("MAX_INSTANCES", "many"),
            ("MAX_HOURLY_SPEND", "-1"), ("RPC_LISTEN", "nowhere"), ("NOVITA_API_BASE_URL", "https://h/path"), ("DATABASE_URL", "file.db"),
            ("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"), ("AUTO_STOP_ENABLED", "yes"), ("BRAKE_MAX_FLEET_PERCENT", "101"),
            ("WEBHOOK_URL", "example.com"), ("RATE_LIMIT_BURST", "0"), ("HEALTH_CHECK_RETRY_ATTEMPTS", "0"), ("SECRETS_KEY", "short"),
            ("NOVITA_API_KEY", "two words"), ("SHUTDOWN_GRACE", "soon"), ("EVENT_LOOPS", "0"),
            ("REVISION_RETENTION", "0"), ("AUTO_STOP_IDLE_MINUTES", "0"),
        ])
    func range(_ name: String, _ value: String) {
        #expect(violations([name: value]).contains(name))
    }

    @Test("everything that is wrong is reported at once, with the value but without secrets")
    func allAtOnce() {
        let error = #expect(throws: SettingsError.self) {
            try settings([
                "MAX_INSTANCES": "x1", "CACHE_TIMEOUT": "x2", "NOVITA_API_KEY": "secret canary", "HEALTH_CHECK_MAX_WAIT_TIME_MS": "1s",
            ])
        }
        #expect(
            error?.violations.map(\.name) == ["NOVITA_API_KEY", "MAX_INSTANCES", "CACHE_TIMEOUT", "HEALTH_CHECK_MAX_WAIT_TIME_MS"])
        #expect(error?.description.contains("x1") == true && error?.description.contains("canary") == false)
    }

    @Test("a secret can be given as the file that holds it")
    func secretFile() throws {
        #expect(try settings(["NOVITA_API_KEY_FILE": "/key"]).apiKey?.reveal() == "sk_from-a-file")
        #expect(violations(["NOVITA_API_KEY_FILE": "/missing"]) == ["NOVITA_API_KEY_FILE"])
        #expect(violations(["NOVITA_API_KEY_FILE": "/empty"]) == ["NOVITA_API_KEY_FILE"])
        #expect(violations(["NOVITA_API_KEY_FILE": "/key", "NOVITA_API_KEY": "k"]) == ["NOVITA_API_KEY"])
    }

    @Test("a secret is not taken from a flag")
    func secretFlag() throws {
        let error = #expect(throws: SettingsError.self) { try settings(flags: ["NOVITA_API_KEY": "canary"]) }
        #expect(error?.violations.map(\.name) == ["--novita-api-key"])
        #expect(error?.description.contains("canary") == false)
        #expect(try settings(flags: ["NOVITA_API_KEY_FILE": "/key"]).apiKey != nil)
    }

    @Test("effective values show no secret")
    func blanked() throws {
        let settings = try settings(["NOVITA_API_KEY": "canary-1", "WEBHOOK_SECRET": "canary-2"])
        #expect(!settings.effective.contains { $0.value.contains("canary") })
        #expect(settings.effective.first { $0.name == "NOVITA_API_KEY" }?.value == "(set)")
    }

    @Test("several secrets of webhooks may have blanks around their commas, and none may be empty")
    func webhookSecrets() throws {
        let settings = try settings(["WEBHOOK_SECRET": "the new one , the old one"])
        #expect(settings.webhookSecrets?.parts.map { $0.reveal() } == ["the new one", "the old one"])
        for text in [",", "a,", "a, ,b"] { #expect(violations(["WEBHOOK_SECRET": text]) == ["WEBHOOK_SECRET"], "\(text)") }
    }

    @Test("a key is required unless the upstream is on loopback")
    func keyRequired() throws {
        #expect(violations(["NOVITA_API_BASE_URL": "https://api.novita.ai"]) == ["NOVITA_API_KEY"])
        #expect(violations(["NOVITA_API_BASE_URL": "https://api.novita.ai", "NOVITA_API_KEY": "k"]) == [])
        #expect(violations(["NOVITA_API_BASE_URL": "http://api.novita.ai", "NOVITA_API_KEY": "k"]) == ["NOVITA_API_BASE_URL"])
    }

    @Test("without identity the server is refused beyond loopback")
    func identity() {
        #expect(violations(["RPC_LISTEN": "0.0.0.0:50051"]) == ["RPC_LISTEN"])
        #expect(violations(["RPC_LISTEN": "0.0.0.0:50051", "AUTH_TOKENS_FILE": "tokens.json"]) == [])
        #expect(violations(["RPC_LISTEN": "unix:/run/x"]) == [])
    }

    @Test("the key of secrets is 32 bytes in base64, and older ones may stand behind it")
    func secretsKeys() throws {
        let (old, new) = ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        for good in [old, "\(new),\(old)", "\(new)\n\(old)\n"] {
            #expect(try settings(["SECRETS_KEY": good]).secretsKeys?.reveal() == good)
        }
        for bad in ["\(new);\(old)", String(old.dropLast()), "\(new), short", ","] {
            #expect(violations(["SECRETS_KEY": bad]) == ["SECRETS_KEY"])
        }
        #expect(try settings().secretsKeys == nil)
    }

    @Test(
        "encryption takes a certificate and its key, and clients' certificates what says who their holders are",
        arguments: [
            (["TLS_CERT_FILE": "c"], ["TLS_KEY_FILE"]), (["TLS_KEY_FILE": "k"], ["TLS_CERT_FILE"]),
            (["TLS_CERT_FILE": "c", "TLS_KEY_FILE": "k"], []),
            (["TLS_CLIENT_CA_FILE": "ca", "AUTH_TOKENS_FILE": "t"], ["TLS_CERT_FILE"]),
            (["TLS_CERT_FILE": "c", "TLS_KEY_FILE": "k", "TLS_CLIENT_CA_FILE": "ca"], ["TLS_CLIENT_CA_FILE"]),
            (["TLS_CERT_FILE": "c", "TLS_KEY_FILE": "k", "TLS_CLIENT_CA_FILE": "ca", "AUTH_TOKENS_FILE": "t"], []),
        ] as [([String: String], [String])])
    func encryption(_ environment: [String: String], _ wrong: [String]) throws {
        #expect(violations(environment) == wrong)
    }

    @Test(
        "a wish that would be left aside at a cost is refused",
        arguments: [
            ("DATABASE_URL", "postgres://h/d")
        ])
    func refused(_ name: String, _ value: String) {
        #expect(violations([name: value]) == [name])
    }

    @Test("webhook targets are URLs with blanks between them; behind a # stand a tenant and types of events")
    func webhookTargets() throws {
        let targets = try settings(["WEBHOOK_URL": "https://a/x?y=1 http://b#instance.ready,tenant=acme,instance.failed"]).webhookTargets
        #expect(targets.map(\.url) == ["https://a/x?y=1", "http://b"] && targets.map(\.tenant) == [nil, "acme"])
        #expect(targets.map(\.types) == [[], ["instance.ready", "instance.failed"]])
    }

    @Test(
        "a webhook target that is no URL, or asks for what there is not, is refused",
        arguments: [
            "https://a ftp://b", "https://a#", "https://a#instance.reday", "https://a#tenant=", "https://a#tenant=a,tenant=b",
            String(repeating: "https://a ", count: 17),
        ])
    func badWebhookTarget(_ text: String) {
        #expect(violations(["WEBHOOK_URL": text]) == ["WEBHOOK_URL"])
    }

    @Test("types that a webhook target can ask for are those that there are")
    func webhookEventTypes() {
        #expect(webhookTypes == Set(WebhookEvent.types))
    }

    @Test("a flag or a line of the file that names no option is refused, a foreign variable is not")
    func unknown() throws {
        let error = #expect(throws: SettingsError.self) {
            try settings(["PATH": "/bin"], flags: ["MAX_INSTANCE": "1"], file: ["MAX_INTSANCES": "1"])
        }
        #expect(error?.violations.map(\.name) == ["--max-instance", "MAX_INTSANCES"])
    }

    @Test("flags are --name value or --name=value")
    func flags() throws {
        #expect(
            try SettingsFlags.parse(["--max-instances", "5", "--log-level=debug", "--default-region="])
                == ["MAX_INSTANCES": "5", "LOG_LEVEL": "debug", "DEFAULT_REGION": ""])
        let error = #expect(throws: SettingsError.self) { try SettingsFlags.parse(["stray", "--max-instances"]) }
        #expect(error?.violations.map(\.name) == ["stray", "--max-instances"])
    }
}
